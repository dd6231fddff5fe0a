// /whisk.system/samples: simple actions to get started with.

import { type CatalogPackage, parameterList } from './catalog-package.ts'

const greetingParameters = parameterList(
  { name: 'name', required: false },
  { name: 'place', required: false, description: 'The string to be included in the return value' },
)
const text = (description: string, required = true) => parameterList({ name: 'payload', required, description })
const lines = { name: 'lines', required: true, description: 'an array of strings' }

/** Calls the API as the invoking user; needs the annotation `provide-api-key`. */
const INVOKE = `async function invoke(path, params, blocking) {
  const url = process.env.__OW_API_HOST + '/api/v1/namespaces/' + path + (blocking ? '?blocking=true' : '');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'authorization': 'Basic ' + Buffer.from(process.env.__OW_API_KEY).toString('base64'),
      'content-type': 'application/json',
    },
    body: JSON.stringify(params),
  });
  const body = await response.json();
  if (!response.ok) throw body;
  return body;
}
`

export const samples: CatalogPackage = {
  name: 'samples',
  publish: true,
  annotations: { description: 'A suite of simple actions to help you get started with OpenWhisk' },
  actions: [
    {
      name: 'cat',
      source: `function main({ lines }) {
  if (!Array.isArray(lines)) return { error: 'You must specify a lines parameter!' };
  return { lines, payload: lines.map(line => line + '\\n').join('') };
}
`,
      annotations: {
        description: 'Equivalent to unix cat command',
        parameters: parameterList(lines),
        sampleInput: { lines: [1, 2, 3] },
        sampleOutput: { lines: [1, 2, 3], payload: '1\n2\n3\n' },
      },
    },
    {
      name: 'countdown',
      source: `${INVOKE}
function main(params) {
  const n = parseInt(params.n);
  console.log(n);
  if (n === 0) console.log('Happy New Year!');
  if (!(n > 0)) return;
  const [, namespace, ...name] = process.env.__OW_ACTION_NAME.split('/');
  return invoke(namespace + '/actions/' + name.join('/'), { n: n - 1 }, false);
}
`,
      annotations: {
        description: 'An action that invokes itself recursively, programmatically using whisk API',
        parameters: parameterList({
          name: 'n',
          required: false,
          description: 'number of times the action needs to be invoked',
        }),
        'provide-api-key': true,
        sampleInput: { n: 5 },
        sampleOutput: { activationId: '10f95a603b6c4966b95a603b6cd96643' },
        sampleLogOutput: '2018-11-12T20:27:50.12223688Z  stdout: 4',
      },
    },
    {
      name: 'curl',
      container: true,
      source: `const { execFile } = require('child_process');

function main({ payload }) {
  console.log('Curl to ' + payload);
  return new Promise(resolve => {
    execFile('curl', ['--connect-timeout', '3', ...String(payload).split(/\\s+/)], (error, stdout, stderr) => {
      const msg = error ? stderr || error.message : stdout;
      console.log(msg);
      resolve({ msg });
    });
  });
}
`,
      annotations: {
        description: 'Curl a host url',
        parameters: text('A host url'),
        sampleInput: { payload: 'localhost:3233' },
        sampleOutput: { msg: 'content returned from localhost:3233' },
      },
    },
    {
      name: 'greeting',
      source: `function main(params) {
  console.log('params:', params);
  const name = params.name || params.payload || 'stranger';
  const place = params.place || 'somewhere';
  return { payload: 'Hello, ' + name + ' from ' + place + '!' };
}
`,
      annotations: {
        description: 'Returns a friendly greeting',
        parameters: greetingParameters,
        sampleInput: { payload: 'Cat', place: 'Narrowsburg' },
        sampleOutput: { payload: 'Hello, Cat from Narrowsburg!' },
        sampleLogOutput: "2016-03-22T01:07:08.384982272Z stdout: params: { place: 'Narrowsburg', payload: 'Cat' }",
      },
    },
    {
      name: 'head',
      source: `function main({ lines, num }) {
  if (!Array.isArray(lines)) return { error: 'You must specify a lines parameter!' };
  const count = typeof num === 'number' ? Math.trunc(num) : 1;
  return { lines: lines.slice(0, count), num: count };
}
`,
      annotations: {
        description: 'returns the first num lines of an array',
        parameters: parameterList(lines, {
          name: 'num',
          required: false,
          description: 'number of lines to return',
        }),
        sampleInput: { lines: [1, 2, 3, 4], num: 2 },
        sampleOutput: { lines: [1, 2], num: 2 },
      },
    },
    {
      name: 'helloWorld',
      source: `function main(params) {
  console.log('hello', params.payload + '!');
}
`,
      annotations: {
        description: 'Demonstrates logging facilities',
        parameters: text('The string to be included in the log record', false),
        sampleInput: { payload: 'Cat' },
        sampleOutput: {},
        sampleLogOutput: '2016-03-22T01:02:26.387624916Z stdout: hello Cat!',
      },
    },
    {
      name: 'helloPromises',
      source: `${INVOKE}
async function main({ name, place }) {
  const activation = await invoke('whisk.system/actions/samples/greeting', { name, place }, true);
  console.log('activation:', activation);
  return { lines: activation.response.result.payload.toString().split(' ') };
}
`,
      annotations: {
        description:
          'Return a hello message as an array of strings which demonstrates the use of returning a Promise for asynchronous actions.',
        'provide-api-key': true,
        parameters: greetingParameters,
        sampleInput: { payload: 'Cat', place: 'Narrowsburg' },
        sampleOutput: { lines: ['Hello,', 'Cat', 'from', 'Narrowsburg!'] },
      },
    },
    {
      name: 'invoke',
      source: `${INVOKE}
async function main() {
  const activation = await invoke('whisk.system/actions/utils/date', {}, true);
  const date = activation.response.result.date;
  console.log(date ? 'It is now ' + date : 'Could not parse date of of the response.');
  return activation;
}
`,
      annotations: {
        description: 'Invoke date action and parse date from the response to display',
        'provide-api-key': true,
        parameters: [],
        sampleInput: {},
        sampleOutput: 'date: 2018-11-13T05:23:04.792Z',
        sampleLogOutput: '2018-11-13T05:23:04.797318072Z stdout: It is now Tue Nov 13 2018 05:23:04 GMT+0000 (UTC)',
      },
    },
    {
      name: 'printParams',
      source: `function main(params) {
  const sorted = {};
  Object.keys(params).sort().forEach((key, index) => {
    console.log((index ? ' ' : '') + 'params.' + key + ':', params[key]);
    sorted[key] = params[key];
  });
  return { params: sorted };
}
`,
      annotations: {
        description: 'print the parameters to the console, sorted alphabetically by key',
        parameters: [],
        sampleInput: { x: 1, b: 5, z: 2 },
        sampleOutput: { params: { b: 2, x: 1, z: 4 } },
      },
    },
    {
      name: 'wordCount',
      source: `function main(params) {
  const text = params.payload.toString();
  const count = text.split(' ').length;
  console.log("The message '" + text + "' has", count, 'words');
  return { count };
}
`,
      annotations: {
        description: 'Count words in a string',
        parameters: text('A string'),
        sampleInput: { payload: 'Five fuzzy felines' },
        sampleOutput: { count: 3 },
        sampleLogOutput: "2016-03-22T01:10:07.361649586Z stdout: The message 'Five fuzzy felines' has 3 words",
      },
    },
    {
      name: 'wordCountAsync',
      source: `function main(params) {
  return new Promise((resolve, reject) => {
    setTimeout(() => {
      try {
        const count = params.payload.split(' ').length;
        console.log("The message '" + params.payload + "' has", count, 'words');
        resolve({ count });
      } catch (error) {
        reject(error);
      }
    }, 100);
  });
}
`,
      annotations: {
        description: 'word count utility, coded as an asynchronous action for pedagogical purposes',
        parameters: text('A string'),
        sampleInput: { payload: 'Five fuzzy felines' },
        sampleOutput: { count: 3 },
      },
    },
  ],
}
