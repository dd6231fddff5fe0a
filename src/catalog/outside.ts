// The packages that talk to the outside world: /whisk.system/slack, websocket and github.

import { type CatalogPackage, parameterList } from './catalog-package.ts'

export const slack: CatalogPackage = {
  name: 'slack',
  publish: true,
  annotations: {
    description: 'This package interacts with the Slack messaging service',
    parameters: parameterList(
      { name: 'username', required: true, bindTime: true, description: 'Your Slack username' },
      {
        name: 'url',
        required: true,
        bindTime: true,
        description: 'Your webhook URL',
        doclink: 'https://api.slack.com/incoming-webhooks',
      },
      { name: 'channel', required: true, bindTime: true, description: 'The name of a Slack channel' },
      { name: 'token', description: 'Your Slack oauth token', doclink: 'https://api.slack.com/docs/oauth' },
    ),
  },
  actions: [
    {
      name: 'post',
      source: `async function main(params) {
  if (params.text === undefined && params.attachments === undefined) return { error: 'No text provided' };
  if (params.url === undefined) return { error: 'No Webhook URL provided' };
  const message = { channel: params.channel, username: params.username || 'Simple Message Bot' };
  if (params.icon_emoji) message.icon_emoji = params.icon_emoji;
  if (params.as_user === true) message.as_user = true;
  if (params.text) message.text = params.text;
  if (params.attachments) message.attachments = JSON.stringify(params.attachments);
  if (params.token) message.token = params.token;
  const form = new URLSearchParams();
  if (params.token) for (const [key, value] of Object.entries(message)) form.set(key, String(value));
  else form.set('payload', JSON.stringify(message));
  try {
    const response = await fetch(params.url, { method: 'POST', body: form });
    await response.arrayBuffer();
  } catch (error) {
    console.log('error: ', error);
    throw error.cause || error;
  }
  console.log('success: ', params.text, 'successfully sent');
}
`,
      annotations: {
        description: 'Post a message to Slack',
        parameters: parameterList({ name: 'text', required: true, description: 'The message you wish to post' }),
        sampleInput: {
          username: 'openwhisk',
          text: 'Hello OpenWhisk!',
          channel: 'myChannel',
          url: 'https://hooks.slack.com/services/XYZ/ABCDEFG/12345678',
        },
      },
    },
  ],
}

export const websocket: CatalogPackage = {
  name: 'websocket',
  publish: true,
  annotations: {
    description: 'Utilities for communicating with WebSockets',
    parameters: parameterList({ name: 'uri', required: true, bindTime: true }),
  },
  actions: [
    {
      name: 'send',
      source: `const { createHash, randomBytes } = require('crypto');

// One text message to a WebSocket server: an upgrade, one masked frame, a close.
function frame(opcode, data) {
  const mask = randomBytes(4);
  const head = data.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | data.length])
    : data.length < 65536 ? Buffer.from([0x80 | opcode, 0xfe, data.length >> 8, data.length & 255])
    : Buffer.concat([Buffer.from([0x80 | opcode, 0xff, 0, 0, 0, 0]), Buffer.from([24, 16, 8, 0].map(n => (data.length >>> n) & 255))]);
  return Buffer.concat([head, mask, data.map((byte, index) => byte ^ mask[index % 4])]);
}

function main({ uri, payload }) {
  if (!uri) return Promise.reject('You must specify a uri parameter.');
  console.log('URI param is ' + uri);
  if (!payload) return Promise.reject('You must specify a payload parameter.');
  console.log('Payload param is ' + payload);
  return new Promise((resolve, reject) => {
    const late = 'Did not establish websocket connection to ' + uri + ' in a timely manner.';
    const url = new URL(uri);
    const secure = url.protocol === 'wss:';
    const key = randomBytes(16).toString('base64');
    const request = require(secure ? 'https' : 'http').request({
      host: url.hostname.replace(/^\\[|\\]$/g, ''),
      port: url.port || (secure ? 443 : 80),
      path: url.pathname + url.search,
      timeout: 30000,
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
    });
    const fail = error => {
      console.log('Error communicating with websocket: ' + error);
      request.destroy();
      reject(error);
    };
    request.on('timeout', () => fail(late));
    request.on('error', fail);
    request.on('response', response => fail(new Error('Unexpected server response: ' + response.statusCode)));
    request.on('upgrade', (response, socket) => {
      const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
      if (response.headers['sec-websocket-accept'] !== accept) return fail(new Error('Invalid Sec-WebSocket-Accept header'));
      console.log('Sending payload: ' + payload);
      socket.on('error', () => {});
      socket.write(frame(1, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))), error => {
        if (error) return fail(error);
        console.log('Send was successful.');
        socket.end(frame(8, Buffer.from([3, 232])));
        resolve({ payload });
      });
    });
    request.end();
  });
}
`,
      annotations: {
        description: 'Send a message to a WebSocket',
        parameters: parameterList(
          { name: 'uri', required: true, description: 'The URI of the websocket server.' },
          { name: 'payload', required: true, description: 'The data you wish to send to the websocket server.' },
        ),
        sampleInput: { uri: 'ws://MyAwesomeService.com/sweet/websocket', payload: 'Hi there, WebSocket!' },
        sampleOutput: { uri: 'ws://MyAwesomeService.com/sweet/websocket', payload: 'Hi there, WebSocket!' },
      },
    },
  ],
}

export const github: CatalogPackage = {
  name: 'github',
  publish: true,
  annotations: { description: 'Package which contains actions and feeds to interact with Github' },
  actions: [
    {
      name: 'webhook',
      source: `function callbackUrl(triggerName) {
  const [, namespace, trigger] = triggerName.split('/');
  const host = new URL(process.env.__OW_API_HOST);
  const path = '/api/v1/namespaces/' + encodeURIComponent(namespace) + '/triggers/' + encodeURIComponent(trigger);
  return host.protocol + '//' + process.env.__OW_API_KEY + '@' + host.host + path;
}

async function call(params, method, url, body) {
  const response = await fetch(url, {
    method,
    headers: {
      'authorization': 'Basic ' + Buffer.from(params.username + ':' + params.accessToken).toString('base64'),
      'user-agent': 'whisk',
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    body: body && JSON.stringify(body),
  }).catch(error => {
    throw { error: error.cause || error };
  });
  const text = await response.text();
  let answer = text;
  try { answer = JSON.parse(text); } catch {}
  console.log('Status code: ' + response.status);
  if (response.status >= 400) {
    console.log('Response from Github: ' + text);
    if (response.status === 404) console.log('Please ensure your accessToken is authorized to delete webhooks.');
    throw { statusCode: response.status, response: answer };
  }
  return answer;
}

async function main(params) {
  const repository = params.repository.includes('/') ? params.repository : params.username + '/' + params.repository;
  const hooks = (params.baseUrl || 'https://api.github.com') + '/repos/' + repository + '/hooks';
  const url = callbackUrl(params.triggerName);
  console.log('Using endpoint: ' + hooks);
  if (params.lifecycleEvent === 'CREATE') {
    const config = { url, content_type: 'json' };
    return { response: await call(params, 'POST', hooks, { name: 'web', active: true, events: params.events.split(','), config }) };
  }
  if (params.lifecycleEvent === 'DELETE') {
    const found = (await call(params, 'GET', hooks)).filter(hook => decodeURI(hook.config.url) === url);
    if (!found.length) throw 'Found no existing webhooks for trigger URL ' + url;
    for (const hook of found) await call(params, 'DELETE', hook.url);
  }
}
`,
      annotations: {
        feed: true,
        // OpenWhisk: the catalog's manifest lacks this annotation although the action reads the key; without it the
        // callback URL it registers cannot work.
        'provide-api-key': true,
        description: 'Creates a webhook on GitHub to be notified on selected changes',
        parameters: parameterList(
          { name: 'username', required: true, bindTime: true, description: 'Your GitHub username' },
          { name: 'repository', required: true, bindTime: true, description: 'The name of a GitHub repository' },
          {
            name: 'accessToken',
            required: true,
            bindTime: true,
            description: 'A webhook or personal token',
            doclink: 'https://github.com/settings/tokens/new',
          },
          {
            name: 'events',
            required: true,
            description: 'A comma-separated list',
            doclink: 'https://developer.github.com/webhooks/#events',
          },
          { name: 'baseUrl', required: false, description: 'GitHub API endpoint' },
        ),
        sampleInput: {
          username: 'myUserName',
          repository: 'myRepository or myOrganization/myRepository',
          accessToken: '123ABCXYZ',
          events: 'push, delete, pull-request',
          baseUrl: 'https://github.myenterprise.com/api/v3',
        },
      },
    },
  ],
}
