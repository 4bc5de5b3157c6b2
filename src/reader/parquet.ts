/**
 * How readers write Parquet. DuckDB gathers a whole group of rows in memory before it writes one: the 122,880 of its default take
 * 200 MB for their vectors alone, more than a reader may have free. The 2,048 here, the fewest it takes, are 3 MB and their texts.
 * Snappy, because the files live for seconds: zstd takes a tenth of the read longer.
 */
export const PARQUET = '(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 2048, USE_TMP_FILE false)';
