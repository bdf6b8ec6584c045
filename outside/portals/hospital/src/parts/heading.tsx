// A screen's heading. It takes the focus when its screen opens, so that a keyboard and a
// screen reader begin where the eye does.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { say } from "../text";

/** The heading; `quietly` leaves the focus to a field. */
export function Heading({ children, quietly = false }: { readonly children: ComponentChildren; readonly quietly?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!quietly) heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** Keeps the window's title in step with the screen; nothing of a patient stands in it. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${say().app.title}`;
  }, [title]);
}
