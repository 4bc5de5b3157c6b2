#!/usr/bin/env node
// Nothing is imported at the top: the call of a session's end loads SQLite and no more, see session-end.ts. Nothing is awaited at the top
// either: scripts/bundle-command.mjs makes one CommonJS file of this and of that call's path, which is what `akosha` runs. As it is
// compiled, it runs too: hooks that were installed before there was a bundle name it.
const args = process.argv.slice(2);

// The AWS SDK announces on stderr that versions of 2027 will need Node 22. Ours is pinned, and stderr is for our own messages.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

async function run(): Promise<void> {
  if (args[0] === 'session-end' && (await import('./session-end.js')).endSessionQuickly(args.slice(1)))
    return;
  await (await import('./program.js')).main(args);
}

void run();

export {};
