"""Streams, consumers and buckets of a namespace over HTTP; an answer is JetStream's own JSON where it has one."""
