// Writes docs/reference/settings.md from the built program: `npm run build && node scripts/settings-doc.mjs`.
import { writeFile } from 'node:fs/promises';
import { renderSettingsDoc } from '../dist/config/index.js';

await writeFile(new URL('../docs/reference/settings.md', import.meta.url), renderSettingsDoc());
