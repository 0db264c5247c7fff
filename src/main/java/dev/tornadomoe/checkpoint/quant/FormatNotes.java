package dev.tornadomoe.checkpoint.quant;

import java.util.List;

/// What users are told of a way to store weights: a row of `docs/formats.md`, which is made of
/// these, as Markdown.
///
/// @param stored what it is called
/// @param read which of its variants are read
/// @param memory what becomes of it in memory
/// @param released checkpoints on Hugging Face that have it, as model cards and other engines'
///   tests say
public record FormatNotes(String stored, String read, String memory, List<String> released) {
  /// Unquantised weights.
  static final FormatNotes PLAIN =
      new FormatNotes("F32, F16, BF16", "as they are", "the mapped file itself on the CPU backend");

  /// Copies the list.
  public FormatNotes {
    released = List.copyOf(released);
  }

  FormatNotes(String stored, String read, String memory, String... released) {
    this(stored, read, memory, List.of(released));
  }
}
