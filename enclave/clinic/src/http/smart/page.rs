//! The two pages that a person sees on the way to an application: sign in, and allow. The
//! clinic's, without a script and without a picture. What came from outside is escaped, and
//! no page may be framed, cached or told to others.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};

use crate::smart::Client;

/// No script, no frame, no request to anybody else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;\
    padding:0 1rem;color:#1a2b33}label{display:block;margin:.8rem 0}input,select{width:100%;\
    padding:.5rem;font:inherit;box-sizing:border-box}button{padding:.6rem 1.2rem;font:inherit;\
    margin:1rem .5rem 0 0}li{font-family:monospace}.said{color:#a02020}";

/// A patient to choose.
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) name: String,
}

/// Text inside of HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}\
         </h1>{body}</html>"
    );
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, html).into_response()
}

/// Name, password and code, before anything is asked.
pub(super) fn sign_in(client: &Client, asked: &str, said: Option<&str>) -> Response {
    let said = said.map_or_else(String::new, |said| format!("<p class=\"said\">{said}</p>"));
    let body = format!(
        "<p>to let <b>{}</b> work with records.</p>{said}<form method=\"post\" \
         action=\"/auth/authorize\"><input type=\"hidden\" name=\"asked\" value=\"{}\">\
         <label>User<input name=\"user\" autocomplete=\"username\" autofocus required></label>\
         <label>Password<input name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required></label>\
         <label>One-time code<input name=\"totp\" inputmode=\"numeric\" \
         autocomplete=\"one-time-code\" required></label><button>Sign in</button></form>",
        escaped(&client.name),
        escaped(asked),
    );
    let status = if said.is_empty() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    page(status, "Sign in", &body)
}

/// What an application asks for, and about whom.
pub(super) struct Question<'a> {
    pub(super) client: &'a Client,
    pub(super) pending: &'a str,
    pub(super) scopes: &'a str,
    /// Patients to choose from, where one has to be chosen.
    pub(super) choices: Option<&'a [Choice]>,
}

/// Allow or refuse.
pub(super) fn consent(question: &Question<'_>) -> Response {
    let scopes = question.scopes.split(' ').map(|scope| format!("<li>{}</li>", escaped(scope)));
    let patient = question.choices.map_or_else(String::new, |choices| {
        let option = |choice: &Choice| {
            let (id, name) = (escaped(&choice.id), escaped(&choice.name));
            format!("<option value=\"{id}\">{name}</option>")
        };
        let options: String = choices.iter().map(option).collect();
        format!(
            "<label>Patient<select name=\"patient\"><option value=\"\">(by id)</option>{options}\
             </select></label><label>or the patient's id<input name=\"patient_id\"></label>"
        )
    });
    let body = format!(
        "<p><b>{}</b> asks for:</p><ul>{}</ul><form method=\"post\" \
         action=\"/auth/authorize/decide\"><input type=\"hidden\" name=\"pending\" value=\"{}\">\
         {patient}<button name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"deny\">Refuse</button></form>",
        escaped(&question.client.name),
        scopes.collect::<String>(),
        escaped(question.pending),
    );
    page(StatusCode::OK, "Allow", &body)
}

/// Where a request is so wrong that nobody can be told but the person.
pub(super) fn refusal(status: StatusCode, code: &'static str) -> Response {
    let body = format!("<p class=\"said\">The application's request is refused: {code}.</p>");
    page(status, "Refused", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_from_outside_is_text() {
        assert_eq!(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }
}
