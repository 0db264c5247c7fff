package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// Reads the header of a GGUF file from its beginning to its end. Every length is compared with
/// what the file still holds before anything is done with it.
final class GgufReader {
  /// Of keys, and of tensor names, which ggml keeps below 64.
  private static final int MOST_NAME_BYTES = 65_535;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final String file;
  private final MemorySegment bytes;
  private long at;

  /// @param file what messages call it
  /// @param bytes all of the file
  GgufReader(String file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /// Where the next read begins.
  long position() {
    return at;
  }

  long remaining() {
    return bytes.byteSize() - at;
  }

  /// Steps over bytes that must be there.
  ///
  /// @param what they are, for the message
  void skip(long count, String what) {
    if (count < 0 || count > remaining()) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s needs %s bytes at byte %d, but only %d follow (truncated?)",
              file,
              what,
              Long.toUnsignedString(count),
              at,
              remaining()));
    }
    at += count;
  }

  int unsignedByte(String what) {
    skip(1, what);
    return bytes.get(ValueLayout.JAVA_BYTE, at - 1) & 0xFF;
  }

  int shortInteger(String what) {
    skip(2, what);
    return bytes.get(SHORT, at - 2);
  }

  int integer(String what) {
    skip(4, what);
    return bytes.get(INT, at - 4);
  }

  long longInteger(String what) {
    skip(8, what);
    return bytes.get(LONG, at - 8);
  }

  /// A number of things, each of at least so many bytes in what is left of the file.
  long count(String what, int leastBytes) {
    long count = longInteger(what);
    if (count < 0 || count > remaining() / leastBytes) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s is %s, more than the %d bytes that follow can hold",
              file,
              what,
              Long.toUnsignedString(count),
              remaining()));
    }
    return count;
  }

  /// A key or a tensor's name.
  String name(String what) {
    long length = longInteger(what);
    if (length < 0 || length > MOST_NAME_BYTES) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s has %s bytes, expected at most %d",
              file,
              what,
              Long.toUnsignedString(length),
              MOST_NAME_BYTES));
    }
    skip(length, what);
    byte[] text = bytes.asSlice(at - length, length).toArray(ValueLayout.JAVA_BYTE);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: %s is no UTF-8", file, what), e);
    }
  }

  /// A text, of which at most `most` bytes are kept.
  String text(String what, int most) {
    long length = count(what, 1);
    skip(length, what);
    byte[] text = bytes.asSlice(at - length, Math.min(length, most)).toArray(ValueLayout.JAVA_BYTE);
    return new String(text, StandardCharsets.UTF_8);
  }
}
