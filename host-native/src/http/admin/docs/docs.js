// The description of the routes, read from the document that programs read.

import { element, line, markdown, table } from './elements.js';

const content = document.getElementById('content');
const index = document.getElementById('index');
const state = document.getElementById('state');

/** The commands of the page, each with a way to make it for another server. */
const commands = [];

let api;

/** What a reference refers to, or the value itself. */
function resolve(value) {
  if (value?.$ref === undefined) return value;
  return value.$ref.split('/').slice(1).reduce((found, part) => found[part.replaceAll('~1', '/').replaceAll('~0', '~')], api);
}

function show({ info, tags, paths }) {
  document.getElementById('version').textContent = `version ${info.version}`;
  content.append(...markdown(info.description, addToIndex));
  content.append(element('h2', { id: 'routes' }, 'Routes'), server());
  addToIndex('routes', 'Routes');
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
  );
  for (const { name } of tags) {
    const own = operations.filter((operation) => operation.tags.includes(name));
    // What needs no key comes first: nobody has one before.
    own.sort((one, other) => (one.security ? 1 : 0) - (other.security ? 1 : 0));
    content.append(...own.map(route));
  }
}

function addToIndex(id, ...title) {
  index.append(element('li', {}, element('a', { href: `#${id}` }, title)));
}

/** Where the commands send their requests. This page is on the operator's address, which does not answer them. */
function server() {
  const input = element('input', { value: `http://${location.hostname}:5025`, spellcheck: 'false', autocomplete: 'off', type: 'url' });
  input.addEventListener('input', () => commands.forEach((fill) => fill(input.value)));
  return element('div', {}, element('label', {}, 'The commands below ask the server at', input));
}

function route(operation) {
  const { method, path, operationId, summary, description, parameters = [], security, responses } = operation;
  const name = [element('span', { class: `method ${method.toLowerCase()}` }, method), ' ', element('code', {}, path)];
  addToIndex(operationId, `${method} `, element('code', {}, path));
  const good = Object.entries(responses).filter(([status]) => status < '300');
  const bad = Object.entries(responses).filter(([status]) => status >= '300');
  return element(
    'section',
    { class: 'route', 'aria-labelledby': operationId },
    element('h3', { id: operationId }, name),
    element('p', {}, element('strong', {}, `${summary}.`), ' ', ...line(description)),
    security ? element('p', {}, ...line('Wants `Authorization: Bearer` and the private key.')) : [],
    parameters.length > 0 ? [element('h4', {}, 'In the path'), table(['name', 'type', 'what'], parameters.map(parameter))] : [],
    command(operation),
    good.map(([status, response]) => success(status, resolve(response))),
    bad.length > 0
      ? [element('h4', {}, 'Errors'), table(['status', 'code', 'what'], bad.flatMap(([status, response]) => errors(status, resolve(response))))]
      : [],
  );
}

function parameter({ name, schema, description }) {
  return [element('code', {}, name), type(schema), line(description)];
}

/** The route as a command, with a button that copies it. */
function command({ method, path, security, operationId }) {
  const code = element('code', {});
  const fill = (base) => {
    const parts = ['curl', '-s'];
    if (method !== 'GET') parts.push('-X', method);
    if (security) parts.push('-H', '"Authorization: Bearer $KEY"');
    parts.push(`${base.replace(/\/+$/, '')}${path.replace('{client_id}', '$ID')}`);
    code.textContent = parts.join(' ');
  };
  fill(`http://${location.hostname}:5025`);
  commands.push(fill);
  const button = element('button', { type: 'button', 'aria-label': `Copy the command of ${operationId}` }, 'Copy');
  const said = element('span', { role: 'status', class: 'soft' });
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = 'copied';
    } catch {
      // No clipboard without TLS, except on this machine: then it is at least selected.
      getSelection().selectAllChildren(code);
      said.textContent = 'selected: copy it with the keyboard';
    }
  });
  return [element('div', { class: 'bar' }, element('h4', {}, 'Command'), element('span', {}, said, ' ', button)), element('pre', {}, code)];
}

function success(status, { description, content: bodies, headers }) {
  return Object.entries(bodies).map(([mediaType, { schema, examples = {} }]) => {
    const { properties } = resolve(schema);
    const members = resolve(schema).required.map((name) => [element('code', {}, name), type(properties[name]), line(properties[name].description ?? '')]);
    return [
      element('h4', {}, `Answer ${status}, ${mediaType}`),
      element('p', { class: 'soft' }, description, ' ', ...headerList(headers)),
      table(['member', 'type', 'what'], members),
      Object.values(examples).map((example) => {
        const { summary, value } = resolve(example);
        return [element('p', { class: 'soft' }, `Example: ${summary}`), element('pre', {}, element('code', {}, JSON.stringify(value, null, 2)))];
      }),
    ];
  });
}

function errors(status, { content: bodies, headers }) {
  return Object.values(bodies).flatMap(({ examples }) =>
    Object.values(examples).map((example) => {
      const { value } = resolve(example);
      return [element('span', { class: 'status' }, status), element('code', {}, value.code), [value.detail, headerList(headers, ['Cache-Control'])]];
    }),
  );
}

/** The headers of an answer with what they say. */
function headerList(headers = {}, without = []) {
  return Object.entries(headers)
    .filter(([name]) => !without.includes(name))
    .map(([name, { schema, required }]) => {
      const value = schema.enum?.join(' or ') ?? 'a number of seconds';
      return element('div', {}, element('code', {}, `${name}: ${value}`), required ? '' : ' (not always)');
    });
}

/** What a value has to be, in words. */
function type(schema) {
  if (schema.anyOf) return schema.anyOf.map(type).join(' or ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  const name = [schema.type].flat().join(' or ');
  const digits = /^\^\[0-9a-f(?:A-F)?\]\{(\d+)\}\$$/.exec(schema.pattern ?? '');
  if (digits) return `${digits[1]} hex digits`;
  if (schema.format?.startsWith('ipv')) return `${name}, ${schema.format.replace('ipv', 'IPv')}`;
  if (schema.maximum !== undefined) return `${name}, ${schema.minimum} to ${schema.maximum}`;
  if (schema.exclusiveMinimum !== undefined) return `${name}, above ${schema.exclusiveMinimum}`;
  if (schema.minimum !== undefined) return `${name}, at least ${schema.minimum}`;
  return name;
}

try {
  const response = await fetch('../openapi.json');
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  api = await response.json();
  show(api);
  state.remove();
  // The element that the address names was not there when the browser looked for it.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  state.className = 'alarm';
  state.textContent = `The description could not be loaded: ${error.message}.`;
}
document.documentElement.dataset.phase = api ? 'ready' : 'failed';
