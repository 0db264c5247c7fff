package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.tensor.TensorView;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Writes GGUF files by the format's definition, sound ones and others.
public final class GgufBytes {
  private int version = 3;
  private int alignment = 32;
  private final ByteArrayOutputStream pairs = new ByteArrayOutputStream();
  private final List<Tensor> tensors = new ArrayList<>();
  private int pairCount;

  /// @param dimensions as GGUF has them, columns first
  private record Tensor(String name, int type, long[] dimensions, byte[] data) {}

  /// A file for this architecture.
  public static GgufBytes of(String architecture) {
    return new GgufBytes().text("general.architecture", architecture);
  }

  /// Without any pair.
  public static GgufBytes empty() {
    return new GgufBytes();
  }

  public GgufBytes version(int newVersion) {
    version = newVersion;
    return this;
  }

  /// Of the data; says so in the metadata.
  public GgufBytes alignment(int bytes) {
    alignment = bytes;
    return integer("general.alignment", bytes);
  }

  /// U32.
  public GgufBytes integer(String key, int value) {
    return pair(key, 4, ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value));
  }

  /// U16, as splits have it.
  public GgufBytes shortInteger(String key, int value) {
    return pair(
        key, 2, ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort((short) value));
  }

  /// F32.
  public GgufBytes number(String key, float value) {
    return pair(key, 6, ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value));
  }

  public GgufBytes flag(String key, boolean value) {
    return pair(key, 7, ByteBuffer.allocate(1).put((byte) (value ? 1 : 0)));
  }

  public GgufBytes text(String key, String value) {
    byte[] text = value.getBytes(StandardCharsets.UTF_8);
    return pair(
        key,
        8,
        ByteBuffer.allocate(8 + text.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(text.length)
            .put(text));
  }

  /// An array of F32.
  public GgufBytes numbers(String key, float... values) {
    ByteBuffer array = ByteBuffer.allocate(12 + 4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    array.putInt(6).putLong(values.length);
    for (float value : values) {
      array.putFloat(value);
    }
    return pair(key, 9, array);
  }

  /// An array of so many empty texts.
  public GgufBytes texts(String key, int count) {
    return pair(
        key,
        9,
        ByteBuffer.allocate(12 + 8 * count)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(8)
            .putLong(count));
  }

  /// Any type with any bytes.
  public GgufBytes pair(String key, int type, ByteBuffer value) {
    string(pairs, key);
    integer(pairs, type);
    pairs.writeBytes(value.array());
    pairCount++;
    return this;
  }

  /// F32, F16, BF16 or I32.
  public GgufBytes tensor(TensorView tensor) {
    int type =
        switch (tensor.dtype()) {
          case F32 -> 0;
          case F16 -> 1;
          case BF16 -> 30;
          case I32 -> 26;
          default -> throw new IllegalArgumentException(tensor.dtype().name());
        };
    long[] dimensions = new long[tensor.shape().rank()];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = tensor.shape().dimension(dimensions.length - 1 - i);
    }
    return tensor(tensor.name(), type, tensor.data().toArray(ValueLayout.JAVA_BYTE), dimensions);
  }

  /// @param dimensions as GGUF has them, columns first
  public GgufBytes tensor(String name, int type, byte[] data, long... dimensions) {
    tensors.add(new Tensor(name, type, dimensions, data));
    return this;
  }

  public byte[] bytes() {
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    header.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    integer(header, version);
    longInteger(header, tensors.size());
    longInteger(header, pairCount);
    header.writeBytes(pairs.toByteArray());
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (Tensor tensor : tensors) {
      pad(data);
      string(header, tensor.name);
      integer(header, tensor.dimensions.length);
      for (long dimension : tensor.dimensions) {
        longInteger(header, dimension);
      }
      integer(header, tensor.type);
      longInteger(header, data.size());
      data.writeBytes(tensor.data);
    }
    pad(header);
    header.writeBytes(data.toByteArray());
    return header.toByteArray();
  }

  public Path write(Path file) {
    try {
      return Files.write(file, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void pad(ByteArrayOutputStream bytes) {
    while (bytes.size() % alignment != 0) {
      bytes.write(0);
    }
  }

  private static void string(ByteArrayOutputStream to, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    longInteger(to, bytes.length);
    to.writeBytes(bytes);
  }

  private static void integer(ByteArrayOutputStream to, int value) {
    to.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }

  private static void longInteger(ByteArrayOutputStream to, long value) {
    to.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
  }
}
