package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.WholeFile;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.jr.ob.JSON;

/// Writes safetensors files: under a temporary name first, so that nobody ever finds half of one.
public final class SafetensorsWriter {
  private static final String METADATA = "__metadata__";

  private SafetensorsWriter() {}

  /// Writes tensors in this order, replacing a file that is there.
  ///
  /// @param file in a directory that is there
  /// @param tensors of any type, with names that differ
  /// @throws CheckpointException when two tensors have the same name, or one has the name of the
  ///   metadata, or the file can't be written
  public static void write(Path file, List<TensorView> tensors) {
    Map<String, Object> header = new LinkedHashMap<>();
    header.put(METADATA, Map.of("format", "pt"));
    long offset = 0;
    for (TensorView tensor : tensors) {
      List<Long> shape = new ArrayList<>();
      for (int axis = 0; axis < tensor.shape().rank(); axis++) {
        shape.add(tensor.shape().dimension(axis));
      }
      long end = offset + tensor.data().byteSize();
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", tensor.dtype().name());
      entry.put("shape", shape);
      entry.put("data_offsets", List.of(offset, end));
      if (header.put(tensor.name(), entry) != null) {
        throw new CheckpointException(
            tensor.name().equals(METADATA)
                ? String.format(Locale.ROOT, "%s: no tensor can be called \"%s\"", file, METADATA)
                : String.format(
                    Locale.ROOT, "%s: two tensors are called \"%s\"", file, tensor.name()));
      }
      offset = end;
    }
    // Spaces up to a multiple of 8, so that the data is aligned.
    String json = JSON.std.asString(header);
    json += " ".repeat((8 - json.getBytes(StandardCharsets.UTF_8).length % 8) % 8);
    byte[] text = json.getBytes(StandardCharsets.UTF_8);
    WholeFile.write(
        file,
        temporary -> {
          try (FileChannel channel =
              FileChannel.open(
                  temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            write(channel, length.putLong(0, text.length));
            write(channel, ByteBuffer.wrap(text));
            for (TensorView tensor : tensors) {
              write(channel, tensor);
            }
          }
        });
  }

  private static void write(FileChannel channel, TensorView tensor) throws IOException {
    long size = tensor.data().byteSize();
    // Through an array of bytes: a segment over an array of another type has no buffer.
    byte[] piece = new byte[(int) Math.min(size, 1 << 20)];
    for (long at = 0; at < size; at += piece.length) {
      int count = (int) Math.min(piece.length, size - at);
      MemorySegment.copy(tensor.data(), ValueLayout.JAVA_BYTE, at, piece, 0, count);
      write(channel, ByteBuffer.wrap(piece, 0, count));
    }
  }

  private static void write(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
