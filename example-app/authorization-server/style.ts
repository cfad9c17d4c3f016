/** The only style sheet of the server's pages. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f3f4f6; --card: #ffffff; --text: #1b1f27; --quiet: #565d6b; --line: #858c9a;
  --accent: #1f55b8; --on-accent: #ffffff; --error: #a8201a; --error-page: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161b; --card: #1e2128; --text: #eceef2; --quiet: #a9b0bd; --line: #7d8594;
    --accent: #9cc0ff; --on-accent: #0e1a30; --error: #ffb4ab; --error-page: #3a1d1b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main {
  width: 100%; max-width: 26rem; padding: 1.5rem; background: var(--card);
  border-radius: 0.75rem; box-shadow: 0 1px 3px rgb(0 0 0 / 25%); overflow-wrap: anywhere;
}
h1 { margin: 0 0 0.25rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p { margin: 0 0 1rem; }
ul { margin: 0 0 1rem; padding-left: 1.25rem; }
li { margin-bottom: 0.25rem; }
.quiet { color: var(--quiet); font-size: 0.9375rem; }
.error { margin-top: 0.5rem; padding: 0.625rem 0.75rem; border-radius: 0.5rem; background: var(--error-page); color: var(--error); }
label { display: block; margin-bottom: 0.25rem; font-weight: 600; }
input {
  width: 100%; min-height: 2.75rem; margin-bottom: 1rem; padding: 0.5rem 0.75rem; font: inherit;
  color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 0.5rem;
}
input[aria-invalid="true"] { border-color: var(--error); }
.buttons { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-top: 0.5rem; }
button {
  flex: 1 1 8rem; min-height: 2.75rem; padding: 0.5rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--accent); background: transparent; border: 1px solid var(--accent); border-radius: 0.5rem;
}
button.primary { color: var(--on-accent); background: var(--accent); }
button:hover { filter: brightness(1.1); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`
