// Elements, made without any text ever being read as markup; and the little of Markdown that the document's texts use.

/** An element with attributes and children; a string is text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children.flat(Infinity));
  return made;
}

/** A table whose rows begin with what they are about; cells are strings, elements, or lists of both. */
export function table(heads, rows) {
  return element(
    'table',
    {},
    element('thead', {}, element('tr', {}, heads.map((head) => element('th', { scope: 'col' }, head)))),
    element(
      'tbody',
      {},
      rows.map(([first, ...rest]) =>
        element('tr', {}, element('th', { scope: 'row' }, first), rest.map((cell) => element('td', {}, cell))),
      ),
    ),
  );
}

/** A line of text in which `code` is code. */
export function line(text) {
  return text.split('`').map((part, number) => (number % 2 === 1 ? element('code', {}, part) : part));
}

/** Paragraphs, headings of the second level, and tables. Each heading is also told to `onHeading`. */
export function markdown(text, onHeading = () => {}) {
  return text
    .trim()
    .split(/\n{2,}/)
    .map((block) => {
      if (block.startsWith('## ')) {
        const title = block.slice(3);
        const id = title.toLowerCase().replaceAll(/\W+/g, '-');
        onHeading(id, title);
        return element('h2', { id }, title);
      }
      if (block.startsWith('|')) {
        const [heads, , ...rows] = block.split('\n').map((row) => row.split('|').slice(1, -1).map((cell) => line(cell.trim())));
        return table(heads, rows);
      }
      return element('p', {}, line(block.replaceAll('\n', ' ')));
    });
}
