// What this build is called; the bundler fills it in.

export const VERSION = process.env.OPENWHISK_BUILD_VERSION ?? '0.0.0-source'
/** ISO time of the build. */
export const BUILD_TIME = process.env.OPENWHISK_BUILD_TIME ?? '???'
