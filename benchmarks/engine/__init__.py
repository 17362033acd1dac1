"""What every study is made with: runs, records, scores, tables and figures."""
