"""The parts that all studies share: runs, records, scores, tables and figures."""
