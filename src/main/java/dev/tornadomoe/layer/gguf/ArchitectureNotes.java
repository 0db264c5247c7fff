package dev.tornadomoe.layer.gguf;

/// What users are told of an architecture of GGUF files: a row of `docs/formats.md`, which is made
/// of these, as Markdown.
///
/// @param id `general.architecture`
/// @param scores what scores the experts
/// @param renormalised whether the chosen experts' weights are made to sum to 1
/// @param bias whether there is one for the selection
/// @param scale whether weights are multiplied by one
/// @param shared I of the shared expert
public record ArchitectureNotes(
    String id, String scores, String renormalised, String bias, String scale, String shared) {}
