package dev.tornadomoe.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/// A file that ends in many equal bytes. As an input its last four bytes are that byte and how
/// often it comes, so the header of a golden file, with tensors of their real sizes, is an input of
/// a few kilobytes.
///
/// @param head what comes before them
/// @param fill the byte
/// @param count how many of it, below 2^20
record PaddedFile(byte[] head, byte fill, int count) {
  private static final int TRAILER = 4;
  private static final int MOST = (1 << 20) - 1;

  /// @param input of a fuzz target, from here to its end
  static PaddedFile of(byte[] input, int from) {
    if (input.length - from < TRAILER) {
      return new PaddedFile(Arrays.copyOfRange(input, from, input.length), (byte) 0, 0);
    }
    int end = input.length - TRAILER;
    int trailer = ByteBuffer.wrap(input).getInt(end);
    return new PaddedFile(
        Arrays.copyOfRange(input, from, end), (byte) (trailer >> 24), trailer & MOST);
  }

  /// What [#of] makes this of.
  byte[] input() {
    return ByteBuffer.allocate(head.length + TRAILER)
        .put(head)
        .putInt((fill & 0xFF) << 24 | count)
        .array();
  }

  int size() {
    return head.length + count;
  }

  /// Writes it in the place of what is there.
  void write(Path file) {
    byte[] bytes = Arrays.copyOf(head, size());
    Arrays.fill(bytes, head.length, size(), fill);
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
