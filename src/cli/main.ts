#!/usr/bin/env node
// Nothing is imported at the top: the call of a session's end loads SQLite and no more. See session-end.ts.
const args = process.argv.slice(2);

// The AWS SDK announces on stderr that versions of 2027 will need Node 22. Ours is pinned, and stderr is for our own messages.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

if (args[0] !== 'session-end' || !(await import('./session-end.js')).endSessionQuickly(args.slice(1))) {
  await (await import('./program.js')).main(args);
}

export {};
