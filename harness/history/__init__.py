"""Operations and their journal: events, a crash-safe recorder, a reader, a columnar view."""
