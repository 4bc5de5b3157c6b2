/**
 * Which guards stand for each row of the last table of docs/reference/protocol.md: without any of them its test fails, and says what the row says.
 * A row of several parts has a guard for each.
 */
export const GUARDS_OF_ROWS: Readonly<Record<string, readonly string[]>> = {
  'ingest classifies again by hash and order at commit': [
    'reclassify-at-commit',
    'write-set-stale',
    'older-never-replaces-newer',
  ],
  'what a list of known rows depends on is compared at commit': [
    'list-holds-at-commit',
    'a-placement-ends-lists',
    'a-gap-ends-lists',
  ],
  'operation id in object names, row ids per operation': [
    'operation-id-in-names',
    'row-ids-of-each-operation',
  ],
  keeper: ['keeper', 'keeper-after-thaw'],
  'a repair takes what is still lost': ['repair-takes-what-is-still-lost'],
  'a tier with fewer rows than placements is damaged': ['fewer-rows-than-placements-are-damage'],
  'a tier that lacks one of its newest rows is damaged': ['newest-rows-are-looked-for'],
  "a row is its placement's by its hash": ['a-row-is-its-placements-by-its-hash'],
  'compaction moves keepers and deletes nothing itself': [
    'compaction-deletes-nothing-itself',
    'compaction-keeps-what-was-thawed',
  ],
  'unchanged rows written again above a gap': ['unchanged-rows-above-a-gap', 'gap-of-the-same-order'],
  'orders compared with the upload id behind them': ['of-one-order-the-greater-id'],
  'receipt of the greatest order kept, numbers strictly above': [
    'the-greatest-order-stays',
    'numbers-strictly-above',
  ],
  'table drop in one transaction with its check': ['drop-in-one-transaction-with-its-check'],
  'tombstones/ the only authority at rebuild': [
    'tombstones-have-one-authority',
    'only-objects-say-what-is-forgotten',
    'rebuild-obeys-tombstones',
  ],
  'what a rebuild drops for a project is remembered': [
    'rebuild-refuses-what-goes-with-a-project',
    'rebuild-takes-back-what-goes-with-a-project',
  ],
  'what goes with a project is remembered with its place until the lift, also by a rebuild and a backup': [
    'a-late-upload-brings-back-nothing-of-a-project',
    'rebuild-hands-on-up-to-where-a-project-took-them',
    'a-backup-knows-what-went-with-a-project',
  ],
  'what is newer than what went with a project comes in': ['what-is-newer-than-what-went-comes-in'],
  'a forget begins no earlier than its last upload': ['a-clock-that-was-set-back-leaves-no-raw-file'],
  'rebuild waits LONGEST': ['rebuild-waits-longest'],
  'ingested again, an upload stays in the ledger': ['again-stays-in-the-ledger'],
  'ingested again, it replaces nothing that was followed': ['again-replaces-nothing-that-was-followed'],
  'ingested again, it is a gap for its own rows': ['again-is-a-gap-for-its-own-rows'],
  'deletion is a version': [
    'deletion-is-a-version',
    'late-upload-finds-the-deletion',
    'late-version-is-written-as-deleted',
  ],
  'forget waits for writers and lists again': [
    'forget-waits-for-writers',
    'forget-lists-again',
    'forget-closes-the-writes-of-what-it-ends',
    'forget-looks-at-every-object',
  ],
  'forget ingests pending uploads first': ['forget-ingests-what-waits-first'],
  "refused rows' raw files go at once": ['refused-rows-take-their-files-at-once'],
  'commit requires a pending upload': ['commit-needs-pending-upload'],
  '"committed, receipt due" is a state': ['receipt-due-is-a-state'],
  'no ingest commit while an earlier one lacks its receipt; warm → cold takes receipted rows only; superseded objects stand until then; rebuild ignores journals of uploads without receipt':
    [
      'no-commit-while-a-receipt-is-due',
      'cold-takes-receipted-rows-only',
      'superseded-objects-stand-until-the-receipt',
      'rebuild-ignores-journals-without-a-receipt',
    ],
  'what expired is not taken in again': ['what-expired-is-not-taken-in-again'],
  'a rebuild knows what expired; what expires stands in object storage first': [
    'a-rebuild-knows-what-expired',
    'what-expires-stands-in-object-storage-first',
  ],
  'what is pinned does not expire; nothing does while a pin is in no backup': [
    'what-is-pinned-does-not-expire',
    'nothing-expires-while-a-pin-is-in-no-backup',
  ],
  'an expiry waits for a pin to be saved; a rebuild without its pins lets nothing expire': [
    'an-expiry-waits-for-a-pin-to-be-saved',
    'a-rebuild-without-its-pins-lets-nothing-expire',
  ],
  'nothing expires once moving is paused; an expiry goes by what is kept now': [
    'nothing-expires-once-moving-is-paused',
    'an-expiry-goes-by-what-is-kept-now',
  ],
  'a clock alone lets nothing expire; a day lets a month expire at the most': [
    'a-clock-alone-lets-nothing-expire',
    'a-day-lets-a-month-expire-at-the-most',
  ],
  'an expiry is of rows from before it': ['an-expiry-is-of-rows-from-before-it'],
  'raw goes only with its ledger row in a backup': ['raw-goes-only-with-its-row-in-a-backup'],
  'sweep scans, repeatedly': ['sweep-scans-again'],
  'open operations of dead attempts get closed': [
    'dead-attempts-are-closed-at-start',
    'commit-needs-open-operation',
    'closing-waits-for-writes',
  ],
  'search by key, then placement, then row, with grace or a second look': [
    'a-search-tells-a-key-once',
    'search-looks-twice',
    'sweep-waits-for-readers',
  ],
  'what a scrub finds is looked at again, and counts where the placement is still the same': [
    'what-differs-is-looked-at-again',
    'only-what-is-placed-still-counts',
  ],
  'what is deleted is chosen in a transaction in which no finding stands': [
    'retention-deletes-nothing-while-a-finding-stands',
    'a-sweep-chooses-nothing-while-a-finding-stands',
  ],
};
