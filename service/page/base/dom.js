// Elements, made without a word of HTML: what the service says is only ever text.

/**
 * An element. `props` are properties of it, but `class`, `data`, `aria` and `role` are attributes, `vars` are custom
 * properties of its style, and `on` holds listeners.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  const { class: names, data = {}, aria = {}, vars = {}, on = {}, role, ...rest } = props;
  if (names) node.className = names;
  if (role) node.setAttribute("role", role);
  Object.assign(node.dataset, data);
  Object.assign(node, rest);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, value);
  for (const [name, value] of Object.entries(vars)) node.style.setProperty(`--${name}`, value);
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The element with this id. */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no element #${id}.`);
  return node;
}

/** A link to another site, which is not told where it comes from; null for anything but the web. */
export function outwards(url, text) {
  if (!url || !/^https?:\/\//i.test(url)) return null;
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}

export const percent = (share) => `${Math.round(share * 100)}%`;
