// The page as a whole: bar, banner, the screen of the moment, notices. What needs a person
// shows the sign-in in its place, so that an address leads on after it.

import { useEffect } from "preact/hooks";
import { may, staff } from "./clinic/staff";
import { Banner } from "./parts/banner";
import { Header } from "./parts/header";
import { Heading } from "./parts/heading";
import { Toasts } from "./parts/toast";
import { replace, route, type Route } from "./route";
import { Intake } from "./screens/intake";
import { Job } from "./screens/job";
import { Patients } from "./screens/patients";
import { Result } from "./screens/result";
import { SignIn } from "./screens/sign-in";
import { Verify } from "./screens/verify";
import { language, say } from "./text";

/** The page. */
export function App() {
  useEffect(() => {
    document.documentElement.lang = language.value;
  }, [language.value]);
  const { app } = say();
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        {app.skip}
      </a>
      <Header />
      <Banner />
      <main id="main" tabIndex={-1}>
        <Screen at={route.value} />
      </main>
      <footer class="foot">{app.research}</footer>
      <Toasts />
    </>
  );
}

/** The hash is the address here, so the skip link moves the focus by itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Screen({ at }: { readonly at: Route }) {
  if (at.screen === "verify") return <Verify />;
  if (at.screen === "unknown") return <Nowhere />;
  if (!staff.value) return <SignIn />;
  switch (at.screen) {
    case "intake":
      return <Intake />;
    case "job":
      return <Job key={at.id} id={at.id} />;
    case "result":
      return <Result key={at.study} study={at.study} />;
    case "patients":
      return <Patients />;
    case "home":
      return <Home />;
  }
}

/** Whoever signs in begins where their day does. */
function Home() {
  useEffect(() => replace(may("admit") ? "#/new" : "#/patients"), []);
  return null;
}

function Nowhere() {
  const { app } = say();
  return (
    <div class="page page-narrow">
      <Heading>{app.notFound}</Heading>
      <p>
        <a href="#/">{app.home}</a>
      </p>
    </div>
  );
}
