import { dirname, relative, resolve, sep } from 'node:path';
import {
  AGENT_CODE,
  DOORS,
  IMPORTED_ONLY_BY,
  LAYERS,
  SERVER_ONLY,
  TYPES_ONLY,
  WORKFLOW_IMPORTS,
} from './layers.mjs';

/** ESLint rule: imports between the folders of `src/` point one way, and go through a folder's door. */
export const oneWayImports = {
  meta: { type: 'problem', schema: [], docs: { description: 'imports point one way, and through doors' } },
  create(context) {
    const root = resolve(context.cwd, 'src');
    const from = inside(root, context.filename);
    if (from === undefined) return {};
    const check = (source, typesOnly) => {
      if (typeof source?.value !== 'string') return;
      const message = judge(root, from, source.value, dirname(context.filename), typesOnly);
      if (message) context.report({ node: source, message });
    };
    const checkStatic = (node) => check(node.source, isTypesOnly(node));
    return {
      ImportDeclaration: checkStatic,
      ExportNamedDeclaration: checkStatic,
      ExportAllDeclaration: checkStatic,
      ImportExpression: (node) => check(node.source, false),
      TSImportType: (node) => check(node.source ?? node.argument?.literal, true),
    };
  },
};

/** Without the word on the import itself, every name must carry it. */
function isTypesOnly(node) {
  if ((node.importKind ?? node.exportKind) === 'type') return true;
  return (
    node.specifiers?.length > 0 &&
    node.specifiers.every(({ importKind, exportKind }) => (importKind ?? exportKind) === 'type')
  );
}

/** The path of a file of `src/` within it, with `/` and as `.ts`, or undefined for any other file. */
function inside(root, file) {
  const path = relative(root, file);
  if (path.startsWith('..') || path === '') return undefined;
  return path.split(sep).join('/').replace(/\.js$/, '.ts');
}

/** Why this import is wrong, or undefined. */
function judge(root, from, specifier, folder, typesOnly) {
  const source = topFolder(from);
  if (!specifier.startsWith('.')) {
    return source === 'contract' ? `src/contract imports nothing, not even "${specifier}"` : undefined;
  }
  const to = inside(root, resolve(folder, specifier));
  if (to === undefined) return `"${specifier}" leaves src: what the program needs stands in it`;
  const target = topFolder(to);
  if (source === target) return undefined;
  return judgeFolders(from, source, to, target, typesOnly) ?? judgeDoor(source, to, target);
}

function judgeFolders(from, source, to, target, typesOnly) {
  const pair = `src/${source} may not import src/${target}`;
  const [low, high] = [layerOf(target), layerOf(source)];
  if (low === -1 || high === -1) return `${pair}: name both folders in scripts/lint/layers.mjs`;
  if (typesOnly && TYPES_ONLY[source]?.includes(target)) return undefined;
  if (source === 'workflows' && !WORKFLOW_IMPORTS.includes(target) && !WORKFLOW_IMPORTS.includes(to)) {
    return `${pair}: workflows run in a sandbox and load only ${WORKFLOW_IMPORTS.join(', ')}`;
  }
  if (low >= high) return `${pair}: imports point downwards (scripts/lint/layers.mjs)`;
  const allowed = IMPORTED_ONLY_BY[target];
  if (allowed && !allowed.includes(source))
    return `${pair}: only ${allowed.join(', ')} may; pass a plain object down`;
  if (
    SERVER_ONLY.includes(target) &&
    AGENT_CODE.some(
      (path) => from === `${path}.ts` || from.startsWith(`${path}/`) || from.startsWith(`${path}-`),
    )
  ) {
    return `src/${from} may not import src/${target}: an agent must not load what only the server needs`;
  }
  return undefined;
}

function judgeDoor(source, to, target) {
  const path = to.slice(target.length + 1);
  if (path.split('/').at(-1) === 'index.ts' || DOORS[target]?.includes(path)) return undefined;
  return `src/${source} may not reach into src/${to}: import from the folder's door, its index.ts`;
}

function topFolder(path) {
  return path.split('/')[0];
}

function layerOf(folder) {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}
