// /whisk.system/utils: building blocks that format and assemble data.

import { type CatalogPackage, parameterList } from './catalog-package.ts'

const lines = { name: 'lines', required: true, type: 'array', description: 'An array of strings' }

export const utils: CatalogPackage = {
  name: 'utils',
  publish: true,
  annotations: { description: 'Building blocks that format and assemble data' },
  actions: [
    {
      name: 'echo',
      source: `function main(params) {
  return params || {};
}
`,
      annotations: {
        description: 'Returns the input',
        parameters: parameterList({ name: 'payload', required: false, description: 'Any JSON entity' }),
        sampleInput: { payload: 'Five fuzzy felines' },
        sampleOutput: { payload: 'Five fuzzy felines' },
      },
    },
    {
      name: 'cat',
      source: `function main(params) {
  const lines = params.lines || [];
  const result = { lines, payload: lines.join('\\n') };
  console.log('cat: returning ' + JSON.stringify(result));
  return result;
}
`,
      annotations: {
        description: 'Concatenates input into a string',
        parameters: parameterList({ ...lines, description: 'An array of strings or numbers' }),
        sampleInput: { lines: [4, 2, 3] },
        sampleOutput: { lines: [4, 2, 3] },
      },
    },
    {
      name: 'smash',
      source: `function main(params) {
  const { $fieldName: field, ...rest } = params;
  if (typeof field !== 'string') return { error: "Expected an argument '$fieldName' of type 'string'." };
  return { [field]: rest };
}
`,
      annotations: {
        description: 'Nests all properties under given property',
        parameters: parameterList({
          name: '$fieldName',
          required: true,
          type: 'string',
          description: 'Name of property to nest object under',
        }),
        sampleInput: { a: 1, b: { c: 2, d: 3 }, $fieldName: 'p' },
        sampleOutput: { p: { a: 1, b: { c: 2, d: 3 } } },
      },
    },
    {
      name: 'split',
      source: `function main(params) {
  const text = params.payload.toString();
  const result = { lines: text.split(params.separator || /\\r?\\n/), payload: params.payload };
  console.log('split: returning ' + JSON.stringify(result));
  return result;
}
`,
      annotations: {
        description: 'Split a string into an array',
        parameters: parameterList(
          { name: 'payload', required: true, description: 'A string' },
          {
            name: 'separator',
            required: false,
            description: 'The character, or the regular expression, to use for splitting the string',
          },
        ),
        sampleInput: { payload: 'one,two,three', separator: ',' },
        sampleOutput: { lines: ['one', 'two', 'three'], payload: 'one,two,three' },
      },
    },
    {
      name: 'sort',
      source: `function main(params) {
  const lines = params.lines || [];
  console.log('sort input msg: ' + JSON.stringify(params));
  console.log('sort before: ' + lines);
  lines.sort();
  console.log('sort after: ' + lines);
  return { lines, length: lines.length };
}
`,
      annotations: {
        description: 'Sorts an array',
        parameters: parameterList(lines),
        sampleInput: { lines: [4, 2, 3] },
        sampleOutput: { lines: [2, 3, 4], length: 3 },
      },
    },
    {
      name: 'head',
      source: `function main(params) {
  const lines = params.lines || [];
  const num = params.num || 1;
  const head = lines.slice(0, num);
  console.log('head get first ' + num + ' lines of ' + lines + ': ' + head);
  return { lines: head, num };
}
`,
      annotations: {
        description: 'Extract prefix of an array',
        parameters: parameterList(lines, {
          name: 'num',
          required: false,
          type: 'integer',
          description: 'The length of the prefix',
        }),
        sampleInput: { lines: [4, 2, 3], num: 2 },
        sampleOutput: { lines: [4, 2], num: 2 },
      },
    },
    {
      name: 'date',
      source: `function main() {
  const date = new Date();
  console.log('It is now ' + date);
  return { date };
}
`,
      annotations: { description: 'Current date and time', sampleOutput: { date: '2016-03-22T00:59:55.961Z' } },
    },
    {
      name: 'namespace',
      source: `function main() {
  return { namespace: process.env.__OW_NAMESPACE };
}
`,
      annotations: {
        description: 'Returns namespace for the authorization key used to invoke this action',
        sampleOutput: { namespace: 'guest' },
      },
    },
    {
      name: 'hosturl',
      source: `const extensions = ['.html', '.http', '.json', '.svg', '.text'];

function main({ web, ext, trigger, path }) {
  const host = process.env.__OW_API_HOST;
  const namespace = process.env.__OW_NAMESPACE;
  if (web === true && trigger) return { error: 'triggers are not allowed for web actions.' };
  if (web === true && ext && !extensions.includes(ext)) {
    return { error: 'extension for web action must be one of ["' + extensions.join('", "') + '"].' };
  }
  if (web !== true && trigger && path.includes('/')) return { error: 'triggers are not allowed in packages.' };
  const base = web === true
    ? host + '/api/v1/web/' + namespace
    : host + '/api/v1/namespaces/' + namespace + (trigger === true ? '/triggers' : '/actions');
  if (!path) return { url: base };
  if (web !== true) return { url: base + '/' + path };
  return { url: base + '/' + (path.includes('/') ? path : 'default/' + path) + (ext || '') };
}
`,
      annotations: {
        description: 'Returns the URL to activate an action or trigger',
        parameters: parameterList(
          { name: 'web', type: 'boolean', description: 'True for web actions' },
          { name: 'ext', type: 'string', description: 'Extension for web action, one of .html, .http, .json, .text' },
          {
            name: 'trigger',
            type: 'boolean',
            description: 'True to construct path for trigger instead of action.',
          },
          {
            name: 'path',
            type: 'string',
            description: 'The action name as just <action name> or <package name>/<action name>.',
          },
        ),
        sampleInput: { web: true, path: 'utils/echo' },
        sampleOutput: { url: 'http://localhost:3233/api/v1/web/guest/utils/echo' },
      },
    },
  ],
}
