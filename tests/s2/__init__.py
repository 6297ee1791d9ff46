"""Tests of the protocol's nouns and codecs."""
