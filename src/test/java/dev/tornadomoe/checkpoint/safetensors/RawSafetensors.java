package dev.tornadomoe.checkpoint.safetensors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// Safetensors files byte by byte, so that they can be wrong.
public final class RawSafetensors {
  private RawSafetensors() {}

  /// A header with its true length, and data of that many bytes, each its index.
  static Path write(Path file, String header, int dataBytes) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    return write(file, text.length, text, dataBytes);
  }

  /// A header with a claimed length.
  static Path write(Path file, long claimed, byte[] header, int dataBytes) {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(claimed).put(header);
    for (int i = 0; i < dataBytes; i++) {
      bytes.put((byte) i);
    }
    return write(file, bytes.array());
  }

  public static Path write(Path file, byte... content) {
    try {
      return Files.write(file, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// One entry of a header.
  static String entry(String name, String dtype, String shape, long begin, long end) {
    return String.format(
        Locale.ROOT,
        "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
        name,
        dtype,
        shape,
        begin,
        end);
  }
}
