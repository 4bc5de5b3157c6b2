import { z } from 'zod';
import { EMBEDDING_MODEL } from '../memory/index.js';
import { setting } from './details.js';
import * as shape from './shapes.js';
import { systemZones } from './system-zones.js';

/** What the server does with uploads, and the search. */
export const SERVER_SETTINGS = {
  pollIntervalSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 3600',
    description: 'How often the server lists the inbox for uploads that nobody announced.',
    initial: 30,
  }),
  ingestionQueue: setting(shape.webAddress().optional(), {
    group: 'Ingest',
    rule: 'the URL of a queue such as https://sqs.eu-central-1.amazonaws.com/123456789012/akosha',
    description:
      'An SQS queue that S3 tells of new objects, so that an upload is ingested within seconds of its manifest. Credentials as for object storage. The inbox is polled all the same; while the queue is away, that is how uploads are found.',
    initialText: 'none: uploads are found by polling',
  }),
  eventsToken: setting(z.string().min(16).optional(), {
    group: 'Ingest',
    rule: 'a text of at least 16 characters',
    description:
      'A bearer token that is good for `POST /api/v1/events/objects` alone, for an object store that posts its events; `api_token` is good there as well.',
    secret: true,
  }),
  ingestConcurrency: setting(shape.wholeNumber(1, 1000), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 1000',
    description:
      'Uploads of different systems ingested at once. Those of one system always follow one another. Uploads that wait for the store at the same time are written together, which costs each of them less; each takes as much scratch space as its database.',
    initial: 32,
  }),
  mirrorSystems: setting(shape.nameList(), {
    group: 'Ingest',
    rule: 'a list of systems, or * (in the environment separated by commas)',
    description:
      'Systems whose memories are deleted once an upload of theirs lacks them; `*` is all (in YAML in quotes). An upload tells only of kinds that it has whole; what a host’s exclusions keep back is gone too. A memory that a later upload brings back is found again; the text of a deleted one may stand in the archive until it is forgotten.',
    initial: [],
    initialText: 'none, which keeps what a host no longer has',
  }),
  systemTimeZones: setting(systemZones(), {
    group: 'Ingest',
    rule: 'a mapping from systems to IANA time zones (in the environment laptop=Europe/Berlin,ci-7=UTC)',
    description:
      'The zones of systems whose databases hold local times and whose uploads do not say in which zone: those of the original Session-Buddy, which writes what the host’s clock shows. It holds for memories that come by the original’s tools over HTTP as well, when they come. An upload of ours says it, and that counts; so does a time with a zone of its own. What was ingested before stays as it is until it is ingested again.',
    initial: [],
    initialText: 'none: such times are taken for UTC',
  }),
  readerProcesses: setting(shape.wholeNumber(1, 64), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 64',
    description:
      'Child processes that open uploaded files, which are not trusted. One more reads what takes longer than 10 s while others wait, so that an upload that hangs holds up no other system’s.',
    initial: 2,
  }),
  readerMemoryMb: setting(shape.wholeNumber(64, 1_048_576), {
    group: 'Ingest',
    rule: 'a whole number of MiB from 64',
    description:
      'Memory that DuckDB may use in one of them. Rows stream through it: a database of 300,000 was read with 128.',
    initial: 512,
  }),
  uploadMaxMb: setting(shape.wholeNumber(1, 1_048_576), {
    group: 'Ingest',
    rule: 'a whole number of MiB from 1',
    description:
      'The most that the files of an upload may have as they are stored, and each of them decompressed, in texts, and written out. One beyond it goes to quarantine. A host’s whole history is tens of megabytes; the default leaves room for a hundred times that and fits on a server’s disk.',
    initial: 8192,
  }),
  readerTimeoutSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Ingest',
    rule: 'a whole number from 1 to 86400',
    description:
      'How long one may take over the files of an upload, before it is ended and the upload tried again, five times in all.',
    initial: 600,
  }),

  storeMemoryMb: setting(shape.wholeNumber(128, 1_048_576), {
    group: 'Store',
    rule: 'a whole number of MiB from 128',
    description: 'The memory limit of the store’s DuckDB; beyond it work spills to disk.',
    initial: 1024,
  }),
  uploadRetentionDays: setting(shape.wholeNumber(0, 36_500), {
    group: 'Store',
    rule: 'a whole number from 0 to 36500',
    description:
      'Days after its receipt that the files of an upload are kept, 0 for ever: so long it can be ingested again by a new reader, and one in quarantine be looked at. A week is long enough to notice what went wrong and to keep no second copy of everything; the memories themselves stand in the archive.',
    initial: 7,
  }),
  backupIntervalSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Store',
    rule: 'a whole number from 1 to 86400',
    description:
      'How often what object storage does not tell by itself (the ledger of uploads, pins) is put there as a backup, where it changed. A lost disk costs no more of it than this.',
    initial: 300,
  }),
  backupsKept: setting(shape.wholeNumber(1, 10_000), {
    group: 'Store',
    rule: 'a whole number from 1 to 10000',
    description:
      'How many backups are kept: should the newest be damaged, a rebuild takes the one before it. The default is an hour of them.',
    initial: 12,
  }),
  scrubMbPerSecond: setting(shape.wholeNumber(0, 1_000_000), {
    group: 'Store',
    rule: 'a whole number from 0 to 1000000',
    description:
      'The most MiB that the weekly scrub reads from object storage in a second, 0 for no limit: it reads every journal and cold object. At the default a terabyte takes nine hours, and hosts and searches hardly feel it. Rows of hot and warm it reads no faster than `move_rows_per_second`.',
    initial: 32,
  }),
  beginEmptyStore: setting(shape.flag(), {
    group: 'Store',
    rule: 'true or false',
    description:
      'Begin an empty store where the data folder has none and the archive has the objects of one. By default the server refuses to start then and names `akosha rebuild`: a disk that is lost or not mounted would otherwise look like a store without memories.',
    initial: false,
  }),
  vectorIndexMemoryMb: setting(shape.wholeNumber(0, 1_048_576), {
    group: 'Store',
    rule: 'a whole number of MiB from 0',
    description:
      'The most memory that the index over the vectors of hot and warm may take: 1.4 kB a memory, so that the default holds 750,000. Where it is too little, and at 0, searches compare with every vector, a second for each million. While the store is moved to another model there are two.',
    initial: 1024,
  }),
  textCacheMb: setting(shape.wholeNumber(0, 1_048_576), {
    group: 'Store',
    rule: 'a whole number of MiB from 0',
    description:
      'Memory for the texts of hot and warm, which else are half of what a search costs: read after a start, the newest first, and by searches. The default holds 110,000 of 40 words. 0 for none.',
    initial: 64,
  }),
  coldCacheMb: setting(shape.wholeNumber(0, 1_073_741_824), {
    group: 'Store',
    rule: 'a whole number of MiB from 0',
    description: 'Disk space for downloaded cold objects; the least recently used go first.',
    initial: 1024,
  }),
  longestRequestSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Store',
    rule: 'a whole number from 1 to 86400',
    description:
      'The longest that a request to object storage may be under way. The sweep deletes nothing younger than this and `longest_search_seconds` together.',
    initial: 600,
  }),
  longestSearchSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Store',
    rule: 'a whole number from 1 to 3600',
    description: 'The longest that a search may read rows which a move has meanwhile replaced.',
    initial: 30,
  }),
  operationLeaseSeconds: setting(shape.wholeNumber(1, 86_400), {
    group: 'Store',
    rule: 'a whole number from 1 to 86400',
    description:
      'After which an operation on the store that has not ended is aborted. Must exceed `longest_request_seconds`, or a permitted request would never be in time.',
    initial: 900,
  }),

  hotDays: setting(shape.wholeNumber(1, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 36500',
    description: 'The age in days at which a memory leaves the hot tier for the warm one.',
    initial: 7,
  }),
  warmDays: setting(shape.wholeNumber(1, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 36500',
    description: 'The age in days at which it leaves the warm tier for the cold one. Must exceed `hot_days`.',
    initial: 90,
  }),
  moveBatchRows: setting(shape.wholeNumber(1, 100_000), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 100000',
    description:
      'Rows moved in one operation. Several thousand take less CPU a row; but the store’s DuckDB needs several times their texts in memory. At its default of `store_memory_mb` 1,000 texts of 100 kB can be written and compared, and 5,000 cannot: raise this only where texts are short. For ten seconds after a search it is 200 at most, so that those who search wait little.',
    initial: 1000,
  }),
  moveRowsPerSecond: setting(shape.wholeNumber(0, 1_000_000), {
    group: 'Tiers',
    rule: 'a whole number from 0 to 1000000',
    description:
      'The most rows that are moved in a second, for a machine on which searches suffer from a transition; 0 is no limit. Without one a day’s memories of 200 hosts take seconds.',
    initial: 0,
  }),
  coldBatchRows: setting(shape.wholeNumber(1, 1_000_000), {
    group: 'Tiers',
    rule: 'a whole number from 1 to 1000000',
    description:
      'Rows of one system and month that must be due before a cold object is written, so that it is no crumb.',
    initial: 1000,
  }),
  coldRetentionDays: setting(shape.wholeNumber(0, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 0 to 36500',
    description:
      'The age in days at which a memory is not kept any more and expires, 0 for never. Must exceed `warm_days`. Seven years, as the original names them for its archive, and as long as most laws ask for records to be kept. What a person has pinned stays.',
    initial: 2_557,
  }),
  coldOverdueDays: setting(shape.wholeNumber(0, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 0 to 36500',
    description: 'After so many days overdue a row goes to a cold object however few go with it.',
    initial: 7,
  }),

  thawedDays: setting(shape.wholeNumber(0, 36_500), {
    group: 'Tiers',
    rule: 'a whole number from 0 to 36500',
    description:
      'Days that thawed memories stay where they were brought to, whatever their age. By default as long as a new one is hot: who thaws something works with it for some days.',
    initial: 7,
  }),

  searchTimeoutSeconds: setting(shape.wholeNumber(1, 3600), {
    group: 'Search',
    rule: 'a whole number from 1 to 3600',
    description:
      'After which a search answers with the tiers that have answered, and says so. Must not exceed `longest_search_seconds`.',
    initial: 10,
  }),
  searchHotSeconds: setting(shape.decimal(0.001, 3600), {
    group: 'Search',
    rule: 'a number from 0.001 to 3600',
    description:
      'How much of a search’s time the hot tier may take to find candidates. What is late is left out, and the answer says so. A hundred times what it takes: who waits longer is better served by the other tiers.',
    initial: 3,
  }),
  searchWarmSeconds: setting(shape.decimal(0.001, 3600), {
    group: 'Search',
    rule: 'a number from 0.001 to 3600',
    description: 'The same of the warm tier.',
    initial: 3,
  }),
  searchColdSeconds: setting(shape.decimal(0.001, 3600), {
    group: 'Search',
    rule: 'a number from 0.001 to 3600',
    description:
      'The same of the cold tier, whose objects may have to be downloaded first: what arrives too late is there for the next search.',
    initial: 6,
  }),
  searchRecencyWeight: setting(shape.decimal(0, 1), {
    group: 'Search',
    rule: 'a number from 0 to 1',
    description:
      'How much newer memories are preferred among those that match alike: what a memory of this moment gains, as a share of its score. One place at the top of a ranking is 1.6 % of a score, so that the initial value lets age decide between neighbours and never bury a better match. 0: age does not count.',
    initial: 0.02,
  }),
  searchRecencyHalfLifeDays: setting(shape.decimal(0.01, 36_500), {
    group: 'Search',
    rule: 'a number from 0.01 to 36500',
    description:
      'After so many days a memory gains half of `search_recency_weight`, after twice as many a quarter. A month: what is being worked on now stands out, and beyond the warm tier age hardly counts.',
    initial: 30,
  }),
  embeddings: setting(z.enum(['on', 'off']), {
    group: 'Search',
    rule: 'on or off',
    description:
      'Whether queries, and memories that came without a vector, are turned into vectors; when off, search goes by words alone.',
    initial: 'on',
  }),
  embeddingModel: setting(shape.modelName(), {
    group: 'Search',
    rule: 'a name of letters, digits, dots, - and _',
    description:
      'The model that a new store begins with, and that `akosha reembed` moves a store to; by itself it changes no store that exists. Any sentence transformer of 384 dimensions with mean pooling.',
    initial: EMBEDDING_MODEL,
  }),
  modelDir: setting(shape.path().optional(), {
    group: 'Search',
    rule: 'a folder',
    description: 'A folder with `model.onnx` and `tokenizer.json` of all-MiniLM-L6-v2.',
    initialText: 'the one that set-up installed',
    paths: 'one',
  }),
  modelsDir: setting(shape.path().optional(), {
    group: 'Search',
    rule: 'a folder',
    description:
      'A folder with a folder of every other model that the store may be moved to, by its name, with `model.onnx` and `tokenizer.json`. Nothing is downloaded.',
    initialText: 'none',
    paths: 'one',
  }),
};
