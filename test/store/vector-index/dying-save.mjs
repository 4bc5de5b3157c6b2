// Reads the file of an index and writes it again, a change further on, by the compiled program: the fail points are in it.
import { readIndexFile, writeIndexFile } from '../../../dist/store/embedded/vector-index/index-file.js';

const whose = { model: 'm1', epoch: 3 };
const content = await readIndexFile(process.argv[2], whose);
await writeIndexFile(process.argv[2], { ...whose, seq: content.seq + 1 }, content);
