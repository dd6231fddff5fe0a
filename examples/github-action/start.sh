#!/usr/bin/env bash
# Starts the server in the background, waits until it is ready, and writes what the next steps need into $GITHUB_ENV and
# $GITHUB_OUTPUT. The server ends with the job. Its log is in $RUNNER_TEMP/openwhisk.log.
set -euo pipefail

log=$RUNNER_TEMP/openwhisk.log
ready=$RUNNER_TEMP/openwhisk.json
rm -f "$ready"
# Words on purpose: a command with its options.
read -ra command <<<"$OPENWHISK_STANDALONE"
read -ra options <<<"${SERVER_OPTIONS:-}"

# Its one line on standard output says that it is ready, and where.
nohup "${command[@]}" start --port 0 --log-format json "${options[@]}" >"$ready" 2>"$log" </dev/null &
server=$!
until [ -s "$ready" ]; do
  if ! kill -0 "$server" 2>/dev/null; then
    echo "::error::openwhisk-standalone did not start"
    cat "$log"
    exit 1
  fi
  sleep 0.2
done

node - "$ready" <<'SCRIPT'
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs')
const { homedir } = require('node:os')
const { join } = require('node:path')

const { url, accounts } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { auth } = accounts.find(({ namespace }) => namespace === 'guest')
const runDirectory = process.env.OPENWHISK_RUN_DIR || join(homedir(), '.openwhisk', 'run')
const { token } = JSON.parse(readFileSync(join(runDirectory, `${new URL(url).port}.json`), 'utf8'))
const properties = join(process.env.RUNNER_TEMP, 'wskprops')
writeFileSync(properties, `APIHOST=${url}\nAUTH=${auth}\n`, { mode: 0o600 })

const lines = values => Object.entries(values).map(([name, value]) => `${name}=${value}\n`).join('')
appendFileSync(
  process.env.GITHUB_ENV,
  lines({
    __OW_API_HOST: url,
    __OW_API_KEY: auth,
    OW_APIHOST: url,
    OW_AUTH: auth,
    WSK_CONFIG_FILE: properties,
    OPENWHISK_CONTROL_URL: `${url}/_control/v1`,
    OPENWHISK_CONTROL_TOKEN: token,
  }),
)
appendFileSync(process.env.GITHUB_OUTPUT, lines({ apihost: url, auth }))
console.log(`OpenWhisk is ready at ${url}`)
SCRIPT
