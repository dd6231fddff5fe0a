// Every sentence that a client can see, in OpenWhisk's words.
// Grouped by the part that uses it; functions take what the sentence names.

export const messages = {
  resourceDoesNotExist: 'The requested resource does not exist.',
  resourceNotFound: 'The requested resource could not be found.',
  conformance: 'Resource by this name exists but is not in this collection.',
  corrupted: 'Resource is corrupted and cannot be read.',
  internalError: 'There was an internal server error.',
  unavailable: 'The server is currently unavailable (because it is overloaded or down for maintenance).',

  // Entitlement and throttles.
  notAuthorizedForResource: (names: string) => `The supplied authentication is not authorized to access '${names}'.`,
  notAuthorizedForKind: (kind: string) =>
    `The supplied authentication is not authorized to access actions of kind '${kind}'.`,
  bindingCircular: (fqn: string) => `Package binding '${fqn}' contains a circular reference.`,
  tooManyRequests: (count: number, allowed: number) =>
    `Too many requests in the last minute (count: ${count}, allowed: ${allowed}).`,
  tooManyConcurrentRequests: (count: number, allowed: number) =>
    `Too many concurrent requests in flight (count: ${count}, allowed: ${allowed}).`,

  // Collections of the REST API.
  namedResourceDoesNotExist: (fqn: string) => `The requested resource '${fqn}' does not exist.`,
  resourceAlreadyExists: 'resource already exists',
  limitsInnerRoutes: 'Inner entity level routes for limits are not yet implemented.',
  execUndefined: 'exec undefined',
  sequenceTooLong: 'Too many actions in the sequence.',
  sequenceEmpty: 'No component specified for the sequence.',
  sequenceCyclic: 'Sequence may not refer to itself.',
  sequenceComponentMissing: 'Sequence component does not exist.',
  notPermittedOnBinding: 'Operation not permitted on package binding.',
  packageNameReserved: "Package name 'default' is reserved.",
  bindingTargetMissing: 'Binding references a package that does not exist.',
  bindingTargetNotPackage: 'Cannot bind to a resource that is not a package.',
  bindingTargetIsBinding: 'Cannot bind to another package binding.',
  packageCannotBecomeBinding: 'Resource is a package and cannot be converted into a binding.',
  packageNotEmpty: (count: number) =>
    `Package not empty (contains ${count} ${count === 1 ? 'entity' : 'entities'}). Set force param or delete package contents.`,
  ruleNeedsTriggerAndAction: 'rule requires a valid trigger and a valid action',
  triggerDoesNotExist: (fqn: string) => `trigger /${fqn} does not exist`,
  actionDoesNotExist: (fqn: string) => `action /${fqn} does not exist`,
  ruleTriggerMissing: 'Only rules with existing triggers can be activated',
  wrongDocumentType: (found: string, expected: string) =>
    `document type class org.apache.openwhisk.core.entity.${found} did not match expected type class org.apache.openwhisk.core.entity.${expected}.`,
  feedNameInvalid: 'Feed name is not valid',
  docsWithCount: "The parameter 'docs' is not permitted with 'count'.",
  listNotInteger: (value: string, collection: string) => `The value '${value}' is not an integer for ${collection}.`,
  listLimitRange: (value: number, max: number, collection: string) =>
    `The value '${value}' is not in the range of 0 to ${max} for ${collection}.`,
  listSkipRange: (value: number, collection: string) =>
    `The value '${value}' is not greater than or equal to 0 for ${collection}.`,
  activationNameMalformed: (value: string) =>
    `Parameter may be a 'simple' name or 'package-name/simple' name: ${value}`,
  epochMalformed: (value: string) => `Parameter is not a valid value for epoch seconds: ${value}`,
  waitOutOfRange: (maxMs: number) => `Timeout must be number of milliseconds up to ${maxMs}.`,
  notBooleanText: (value: string) => `'${value}' is not a valid Boolean value`,

  // What an invocation may answer, and what a failed one leaves in its record.
  parametersNotAllowed: 'Request defines parameters that are not allowed (e.g., reserved properties).',
  runtimeDeprecated: (kind: string) =>
    `The '${kind}' runtime is no longer supported. You may read and delete but not update or invoke this action.`,
  timedoutInit: (ms: number) => `The action exceeded its time limits of ${ms} milliseconds during initialization.`,
  timedoutRun: (ms: number) => `The action exceeded its time limits of ${ms} milliseconds.`,
  truncatedResponse: (prefix: string, bytes: number, allowed: number) =>
    `The action produced a response that exceeded the allowed length: ${bytes} > ${allowed} bytes. The truncated response was: ${prefix}`,
  invalidInitResponse: (body: string) =>
    body === '' ? 'The action failed during initialization.' : `The action failed during initialization: ${body}`,
  invalidRunResponse: (body: string) =>
    body === ''
      ? 'The action did not produce a valid JSON or JSON Array response.'
      : `The action did not produce a valid JSON or JSON Array response: ${body}`,
  memoryExhausted: 'The action exhausted its memory and was aborted.',
  /** The Node.js runtime's, for system actions. */
  actionThrew: (error: string) => `An error has occurred: ${error}`,
  abnormalInit: 'The action did not initialize and exited unexpectedly.',
  abnormalRun: 'The action did not produce a valid response and exited unexpectedly.',
  imagePullError: (image: string) => `Failed to pull container image '${image}'.`,
  commandNotFoundError: (image: string) => `executable file not found in image ${image}`,
  resourceProvisionError: 'Failed to provision resources to run the action.',
  actionRemovedWhileInvoking: 'Action could not be found or may have been deleted.',
  actionMismatchWhileInvoking: 'Action version is not compatible and cannot be invoked.',
  actionFetchErrorWhileInvoking: 'Action could not be fetched.',
  logFailure: 'There was an issue while collecting your logs. Data might be missing.',
  logsTruncated: (bytes: number) =>
    `Logs were truncated because the total bytes size exceeds the limit of ${bytes} bytes.`,
  logWarningDeveloperError: 'The action did not initialize or run as expected. Log data might be missing.',
  activationInterrupted: 'The activation was interrupted because the server stopped.',
  sequenceRetrieveActivationTimeout: (id: string) =>
    `Timeout reached when retrieving activation ${id} for sequence component.`,
  sequenceActivationFailure: 'Sequence failed.',
  compositionIsTooLong: 'Too many actions in the composition.',
  compositionActivationFailure: 'Activation failure during composition.',
  compositionActivationTimeout: (id: string) => `Timeout reached when retrieving activation ${id} during composition.`,
  compositionComponentInvalid: (value: string) =>
    `Failed to parse action name from json value ${value} during composition.`,
  compositionComponentNotFound: (name: string) => `Failed to resolve action with name '${name}' during composition.`,
  compositionComponentNotAccessible: (name: string) =>
    `Failed entitlement check for action with name '${name}' during composition.`,
  triggerWithInactiveRule: (rule: string, action: string) =>
    `Rule '${rule}' is inactive, action '${action}' was not activated.`,

  // Web actions.
  illegalQuery: (detail: string) => `Illegal query: ${detail}`,
  requestTooLarge: (actual: number, limit: number) => `Request larger than allowed: ${actual} > ${limit} bytes.`,
  authenticationMissing: 'The resource requires authentication, which was not supplied with the request',
  authenticationInvalid: 'The supplied authentication is invalid',
  authenticationNotProvided: 'Authentication is possible but has failed or not yet been provided.',
  responseNotReady: 'Response not yet ready.',
  errorProcessingRequest: 'There was an error processing your request.',
  invalidMedia: (type: string) => `Response is not valid '${type}'.`,
  propertyNotFound: 'Response does not include requested property.',
  contentTypeUnknown: 'Response did not specify a known content-type.',
  contentTypeMismatch: 'Response type in header did not match generated content type.',
  notAcceptable: (types: string) => `Resource representation is only available with these types:\n${types}`,
  methodNotAllowed: (methods: string) => `HTTP method not allowed, supported methods: ${methods}`,
  // Malformed requests: the prefixes, and what follows them.
  contentMalformed: (detail: string) => `The request content was malformed:\n${detail}`,
  queryMalformed: (name: string, detail: string) => `The query parameter '${name}' was malformed:\n${detail}`,
  jsonObjectExpected: 'JSON object expected',
  objectExpected: 'Object expected',
  objectExpectedInField: (field: string) => `Object expected in field '${field}'`,
  missingMember: (member: string) => `Object is missing required member '${member}'`,
  notBoolean: (value: string) => `Expected JsBoolean, but got ${value}`,
  notArray: (value: string) => `Expected Array as JsArray, but got ${value}`,
  notString: (value: string) => `Expected String as JsString, but got ${value}`,

  // Names and versions.
  entityNameTooLong: (length: number, max: number) => `Name segement longer than allowed: ${length} > ${max}.`,
  entityNameIllegal: 'The name of the entity contains illegal characters.',
  namespaceTooLong: (length: number, max: number) => `Namespace longer than allowed: ${length} > ${max}.`,
  namespaceIllegal: 'The namespace contains illegal characters.',
  activationIdLength: (length: number, expected: number) =>
    `Activation id length is ${length} but must be ${expected}.`,
  activationIdIllegal: 'The activation id is not valid.',
  fqnTooShort:
    'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.',
  fqnMalformed: 'fully qualified name malformed',
  pathUndefined: 'requirement failed: path undefined',
  pathIllegal: (parts: readonly string[]) =>
    `requirement failed: path contains invalid parts ArraySeq(${parts.join(', ')})`,
  entityNameMalformed: 'entity name malformed',
  versionMalformed: 'semantic version malformed',
  parametersMalformed: 'parameters malformed!',

  // What the HTTP layer refuses.
  contentTypeUnsupported: (type: string) =>
    `The request's Content-Type [${type}] is not supported. Expected:\napplication/json`,
  requestBeyondServer: 'Request too large',
  requestBrokenOff: 'The request was broken off.',
  illegalTarget: (detail: string) => `Illegal request-target: ${detail}`,
  hostRefused: (host: string) =>
    `The host '${host}' is not one of this server's. If it is meant to be, start the server with --allowed-hosts ${host}.`,
  originRefused: (origin: string) =>
    `Pages of the origin '${origin}' may not use this server. If they are meant to, start it with --allow-origin ${origin}.`,
  siteRefused: "Pages of other sites may not use this server's own actions.",

  // The code of actions.
  kindUnsupported: (kind: string, kinds: readonly string[]) =>
    `The specified runtime '${kind}' is not supported by this platform. Valid values are: ${kinds.map(known => `'${known}'`).join(', ')}.`,
  kindMissing: "'kind' must be a string defined in 'exec'",
  mainNotString: (kind: string) => `if defined, 'main' be a string in 'exec' for '${kind}' actions`,
  mainMissing: (kind: string) => `'main' must be a string defined in 'exec' for '${kind}' actions`,
  codeMissing: (kind: string) => `'code' must be a string or attachment object defined in 'exec' for '${kind}' actions`,
  codeNotString: (kind: string) => `'code' must be a string defined in 'exec' for '${kind}' actions`,
  codeNotAttachment: (json: string) => `Could not deserialize as attachment record: ${json}`,
  imageMissing: "'image' must be a string defined in 'exec' for 'blackbox' actions",
  imageMalformed: 'could not parse image name',
  componentsMissing: "'components' must be defined for sequence kind",
  componentsNotArray: "'components' must be an array",

  // Changing the status of a rule.
  statusMissing: 'key not found: status',
  statusEmpty: 'requirement failed: argument undefined',
  statusUnknown: (status: string) => `requirement failed: ${status} is not a recognized rule state`,
  unexpectedJson: (json: string, type: string) => `${json} (of class spray.json.${type})`,

  // Limits of actions and sizes of entities.
  limitNotWhole: (limit: string) => `requirement failed: ${limit} limit must be whole number`,
  limitMalformed: (limit: string) => `${limit} limit malformed`,
  sizeNegative: 'requirement failed: a negative size of an object is not allowed.',
  instancesNegative: 'requirement failed: Action container concurrency must be greater than or equal to 0.',
  limitExceeds: (what: string, value: number, max: number, unit: string) =>
    `requirement failed: ${what} ${value}${unit} exceeds allowed threshold of ${max}${unit}`,
  limitBelow: (what: string, value: number, min: number, unit: string) =>
    `requirement failed: ${what} ${value}${unit} below allowed threshold of ${min}${unit}`,
  instancesTooMany: (concurrency: number) =>
    `Max action instance concurrency must not exceed your namespace concurrency of ${concurrency}.`,
  tooLarge: (what: string, is: number, allowed: number) => `${what} larger than allowed: ${is} > ${allowed} bytes.`,

  // The control interface of this server; the reference has none.
  control: {
    token: 'The control interface needs the token of the run file: Authorization: Bearer TOKEN.',
    notJson: 'The body must be a JSON object.',
    notText: (name: string) => `'${name}' must be a non-empty string.`,
    notNumber: (name: string) => `'${name}' must be a whole number of milliseconds.`,
    advanceBy: "'by' must be the number of milliseconds to move on, zero or more.",
    advanceTooFar: "'by' must not move the clock beyond the year 9999.",
    realClock: 'The clock can only be moved when the server was started with --clock virtual.',
    badNamespace: (name: string) => `'${name}' is not a legal name of a namespace.`,
    namespaceExists: (name: string) => `Namespace '${name}' exists already.`,
    noNamespace: (name: string) => `There is no namespace '${name}'.`,
    noCheckpoint: (name: string, namespace: string) => `There is no checkpoint '${name}' of namespace '${namespace}'.`,
    noCheckpointAtAll: (name: string) => `No namespace has a checkpoint '${name}'.`,
    waitForWhat: "Say what to wait for: 'action', 'trigger' or 'activationId'.",
    stopped: 'The server has stopped.',
    waitedInVain: (ms: number) => `No such activation within ${ms} milliseconds.`,
  },

  // The administration of subjects and limits: wskadmin's sentences.
  admin: {
    unknownCommand: 'unknown command',
    shortSubject: 'Subject name must be at least 5 characters',
    emptySubject: 'Subject must not be empty',
    emptyNamespace: 'Namespace must not be empty',
    notUuid: 'authorization id is not a valid UUID',
    shortKey: 'authorization key must be at least 64 characters long',
    undeterminedKey: (auth: string) => `failed to determine authorization id and key: ${auth}`,
    namespaceExists: 'Namespace already exists',
    namespaceNotUnique: 'Namespace is not unique',
    editBlocked: 'The subject you want to edit is blocked',
    /** The bracket holds what the reference's database answers. */
    failed: (doing: string) => `Failed to ${doing} ({"error":"not_found","reason":"missing"})`,
    subjectDeleted: 'Subject deleted',
    namespaceDeleted: 'Namespace deleted',
    noNamespaceOf: (namespace: string, subject: string) => `Namespace "${namespace}" does not exist for "${subject}"`,
    namespaceNotFound: (namespace: string, subject: string) => `namespace "${namespace}" not found for "${subject}"`,
    notRecognized: 'Subject id is not recognized',
    pickOne: 'pick at least 1 identity to show',
    noIdentities: (namespace: string) => `no identities found for namespace "${namespace}"`,
    blocked: (subject: string) => `"${subject}" blocked successfully`,
    unblocked: (subject: string) => `"${subject}" unblocked successfully`,
    limitsSet: (namespace: string) => `Limits successfully set for "${namespace}"`,
    noLimits: 'No limits found, default system limits apply',
    limitsDeleted: 'Limits deleted',
    badLimit: (name: string, type: string, value: string) => `argument --${name}: invalid ${type} value: '${value}'`,
  },
} as const
