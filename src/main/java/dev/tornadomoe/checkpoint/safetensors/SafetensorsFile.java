package dev.tornadomoe.checkpoint.safetensors;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.FilesInDirectory;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// One safetensors file, memory-mapped: an 8-byte little-endian header length, the JSON header, the
/// data. Opening reads the header alone.
public final class SafetensorsFile implements TensorStore {
  /// The limit of the format's own reader.
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final SafetensorsHeader header;
  private final MemorySegment data;

  private SafetensorsFile(Path file, SafetensorsHeader header, MemorySegment data) {
    this.file = file;
    this.header = header;
    this.data = data;
  }

  /// Maps a file and reads its header.
  ///
  /// @param file in the format of https://github.com/huggingface/safetensors
  /// @param files what it is mapped with
  /// @return its tensors, over the mapped file
  /// @throws CheckpointException for a header that the file's length does not prove
  public static SafetensorsFile open(Path file, MappedFiles files) {
    return of(file, FilesInDirectory.map(file, files));
  }

  /// Reads a header.
  ///
  /// @param file for messages
  /// @param mapped all bytes of the file
  /// @return its tensors, over these bytes
  /// @throws CheckpointException for a header that the file's length does not prove
  public static SafetensorsFile of(Path file, MemorySegment mapped) {
    long size = mapped.byteSize();
    if (size < 8) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: %d bytes, too short for a safetensors file", file, size));
    }
    long length = mapped.get(LENGTH, 0);
    if (length < 2 || length > MAX_HEADER_BYTES) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: header length %s is outside 2 to %d; is this a safetensors file?",
              file,
              Long.toUnsignedString(length),
              MAX_HEADER_BYTES));
    }
    if (length > size - 8) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: the header claims %d bytes, but only %d follow (truncated?)",
              file,
              length,
              size - 8));
    }
    byte[] text = mapped.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
    SafetensorsHeader header = SafetensorsHeader.parse(text, size - 8 - length, file.toString());
    return new SafetensorsFile(file, header, mapped.asSlice(8 + length));
  }

  @Override
  public Set<String> names() {
    return header.tensors().keySet();
  }

  @Override
  public @Nullable TensorView find(String name) {
    SafetensorsHeader.Entry entry = header.tensors().get(name);
    return entry == null
        ? null
        : new TensorView(
            name,
            entry.dtype(),
            entry.shape(),
            data.asSlice(entry.begin(), entry.end() - entry.begin()));
  }

  @Override
  public String fileOf(String name) {
    return file.toString();
  }
}
