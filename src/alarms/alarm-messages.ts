// The alarms provider's sentences, word for word: refusals of the feed, and reasons of a disabled alarm.

export const alarmMessages = {
  unsupportedEvent: 'unsupported lifecycleEvent',
  missingTriggerName: 'no trigger name parameter was provided',
  missingDate: 'alarms once trigger feed is missing the date parameter',
  missingMinutes: 'interval trigger feed is missing the minutes parameter',
  missingCron: 'alarms trigger feed is missing the cron parameter',
  invalidTimezone: 'Invalid timezone.',
  invalidCron: (cron: unknown) => `cron pattern '${cron}' is not valid`,
  minutesNotInteger: 'the minutes parameter must be an integer',
  minutesNotPositive: 'the minutes parameter must be an integer greater than zero',
  deleteAfterFire: 'deleteAfterFire parameter must be one of [false, true, rules].',
  notADate: (name: string, value: unknown) => `${name} parameter '${value}' is not a valid Date`,
  notInFuture: (name: string, value: unknown) => `${name} parameter '${value}' must be in the future`,
  notAfterStart: (name: string, value: unknown, start: unknown) =>
    `${name} parameter '${value}' must be greater than the startDate parameter '${start}'`,
  notBeforeStop: (start: unknown, stop: unknown) =>
    `startDate parameter '${start}' must be less than the stopDate parameter '${stop}'`,
  cronLimited: 'cron pattern is limited to 5 fields with 1 minute as the finest granularity',
  maxTriggersOnInterval: 'maxTriggers is not supported for the interval trigger feed',
  maxTriggersWithStop: 'maxTriggers is not allowed when the stopDate parameter is specified',
  firstFireAfterStop: 'the first scheduled trigger fire is not until after the stop date',
  nothingToUpdate: 'no updatable parameters were specified',
  disabledByAdmin: (trigger: string) =>
    `${trigger} cannot be updated because it was disabled by an admin.  Please contact support for further assistance`,
  authenticationFailed: 'Trigger authentication request failed.',
  notFound: (namespace: string, name: string) => `could not find trigger /${namespace}/${name} in the database`,

  // Reasons of a disabled alarm.
  firedOnce: 'Automatically disabled after firing once',
  lastCron: 'Automatically disabled after firing last scheduled cron trigger',
  lastInterval: 'Automatically disabled after firing last scheduled interval trigger',
  maxTriggersReached: 'Automatically disabled after reaching max triggers',
  fireRefused: (status: number) =>
    `Trigger automatically disabled: Received a ${status} status code when firing the trigger`,
  fireThrottled: 'Automatically disabled after continuously receiving a 429 status code when firing the trigger',
  initRefused: (status: number) =>
    `Automatically disabled after receiving a ${status} status code on trigger initialization`,
  initFailed: (reason: string) => `Automatically disabled after receiving error on trigger initialization: ${reason}`,
  creationFailed: (reason: string) => `Automatically disabled after receiving error on trigger creation: ${reason}`,
  stopDateExpired: 'the stop date has expired',
  nextFireAfterStop: 'the next scheduled trigger fire is after the stop date',
  onceDateExpired: 'the fire once date has expired',
} as const
