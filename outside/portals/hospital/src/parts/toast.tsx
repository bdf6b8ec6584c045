// Short notices in a corner, said aloud by screen readers.

import { close, notices } from "../notices";
import { say } from "../text";
import { Icon } from "./icon";

/** The corner. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`toast toast-${notice.kind}`}>
          <Icon name={notice.kind === "good" ? "check" : notice.kind === "bad" ? "alert" : "info"} />
          <p>
            {notice.text()}{" "}
            {notice.link && (
              <a href={notice.link.href} onClick={() => close(notice.id)}>
                {notice.link.label()}
              </a>
            )}
          </p>
          <button type="button" class="quiet small" aria-label={say().app.close} onClick={() => close(notice.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
