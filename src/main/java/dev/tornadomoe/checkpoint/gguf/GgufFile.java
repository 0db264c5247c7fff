package dev.tornadomoe.checkpoint.gguf;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One GGUF file of version 2 or 3, memory-mapped
/// ([format](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)): magic, version, counts,
/// key-value pairs, descriptions of tensors, then their data, each at a multiple of the alignment.
///
/// @param file for messages
/// @param values key-value pairs
/// @param tensors by name, in the order of their descriptions
public record GgufFile(Path file, Map<String, Object> values, Map<String, Entry> tensors) {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int MOST_DIMENSIONS = 4;

  /// Bytes that the smallest pair takes (an empty key, a byte) and the smallest description.
  private static final int LEAST_PAIR = 8 + 4 + 1;

  private static final int LEAST_TENSOR = 8 + 4 + 8 + 4 + 8;

  /// One tensor's place.
  ///
  /// @param type or null for a number that we don't know
  /// @param number of the type
  /// @param shape outermost dimension first, so that rows are runs of columns
  /// @param data its bytes; empty where the type is not known
  record Entry(@Nullable GgmlType type, int number, Shape shape, MemorySegment data) {}

  /// A description before the data's place is known.
  private record Described(
      String name, @Nullable GgmlType type, int number, Shape shape, long offset, long bytes) {}

  static GgufFile parse(Path file, MemorySegment mapped) {
    GgufReader reader = new GgufReader(file.toString(), mapped);
    requireVersion(file, reader);
    long tensorCount = reader.count("the number of tensors", LEAST_TENSOR);
    long pairCount = reader.count("the number of key-value pairs", LEAST_PAIR);
    Map<String, Object> values = new LinkedHashMap<>();
    for (long i = 0; i < pairCount; i++) {
      String key = reader.name(String.format(Locale.ROOT, "key %d", i));
      if (values.put(key, GgufValue.read(reader, file.toString(), key)) != null) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT, "%s: key \"%s\" is there twice", file, StrictJson.excerpt(key)));
      }
    }
    List<Described> described = new ArrayList<>();
    for (long i = 0; i < tensorCount; i++) {
      described.add(describe(file, reader, i));
    }
    long alignment = alignment(file, values);
    long start = Math.ceilDiv(reader.position(), alignment) * alignment;
    return new GgufFile(file, values, place(file, described, mapped, start, alignment));
  }

  private static void requireVersion(Path file, GgufReader reader) {
    if (reader.remaining() < 24) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s: %d bytes, too short for a GGUF file", file, reader.remaining()));
    }
    if (reader.integer("the magic number") != MAGIC) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: does not begin with \"GGUF\"", file));
    }
    int version = reader.integer("the version");
    if (version != 2 && version != 3) {
      int swapped = Integer.reverseBytes(version);
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: GGUF version %s is not supported (supported: 2 and 3%s)",
              file,
              Integer.toUnsignedString(version),
              swapped == 2 || swapped == 3 ? ", little-endian" : ""));
    }
  }

  private static long alignment(Path file, Map<String, Object> values) {
    Object value = values.getOrDefault("general.alignment", 32L);
    if (value instanceof Long number
        && number >= 1
        && number <= 1 << 20
        && Long.bitCount(number) == 1) {
      return number;
    }
    throw new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: \"general.alignment\" must be a power of two up to 2^20, found %s",
            file,
            StrictJson.excerpt(value)));
  }

  private static Described describe(Path file, GgufReader reader, long index) {
    String name = reader.name(String.format(Locale.ROOT, "the name of tensor %d", index));
    String what = String.format(Locale.ROOT, "tensor \"%s\"", StrictJson.excerpt(name));
    int rank = reader.integer(what);
    if (rank < 1 || rank > MOST_DIMENSIONS) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s has %s dimensions, expected 1 to %d",
              file,
              what,
              Integer.toUnsignedString(rank),
              MOST_DIMENSIONS));
    }
    long[] dimensions = new long[rank];
    for (int axis = rank - 1; axis >= 0; axis--) {
      dimensions[axis] = reader.longInteger(what);
      if (dimensions[axis] < 1) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: %s has a dimension of %s, expected a whole number from 1",
                file,
                what,
                Long.toUnsignedString(dimensions[axis])));
      }
    }
    int number = reader.integer(what);
    long offset = reader.longInteger(what);
    GgmlType type = GgmlType.numbered(number);
    Shape shape = Shape.of(dimensions);
    return new Described(name, type, number, shape, offset, bytes(file, what, type, shape));
  }

  /// Of the data, or 0 where the type is not known.
  private static long bytes(Path file, String what, @Nullable GgmlType type, Shape shape) {
    if (type == null) {
      return 0;
    }
    long columns = shape.dimension(shape.rank() - 1);
    if (columns % type.blockColumns() != 0) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s has rows of %d elements, expected whole blocks of %d for %s",
              file,
              what,
              columns,
              type.blockColumns(),
              type));
    }
    try {
      return Math.multiplyExact(shape.elements() / type.blockColumns(), (long) type.blockBytes());
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s claims shape %s, more bytes than can be counted",
              file,
              what,
              StrictJson.excerpt(shape)),
          e);
    }
  }

  private static Map<String, Entry> place(
      Path file, List<Described> described, MemorySegment mapped, long start, long alignment) {
    long available = Math.max(0, mapped.byteSize() - start);
    Map<String, Entry> tensors = LinkedHashMap.newLinkedHashMap(described.size());
    for (Described tensor : described) {
      String what = String.format(Locale.ROOT, "tensor \"%s\"", StrictJson.excerpt(tensor.name));
      if (tensor.offset < 0 || tensor.offset % alignment != 0) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: %s begins at byte %s of the data, expected a multiple of %d",
                file,
                what,
                Long.toUnsignedString(tensor.offset),
                alignment));
      }
      if (tensor.offset > available || tensor.bytes > available - tensor.offset) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: %s has %d bytes from byte %d of the data, but the file holds only %d"
                    + " (truncated?)",
                file,
                what,
                tensor.bytes,
                tensor.offset,
                available));
      }
      MemorySegment data =
          tensor.type == null
              ? MemorySegment.NULL
              : mapped.asSlice(start + tensor.offset, tensor.bytes);
      Entry entry = new Entry(tensor.type, tensor.number, tensor.shape, data);
      if (tensors.put(tensor.name, entry) != null) {
        throw new CheckpointException(
            String.format(Locale.ROOT, "%s: %s is described twice", file, what));
      }
    }
    refuseOverlaps(file, described);
    return tensors;
  }

  private static void refuseOverlaps(Path file, List<Described> described) {
    List<Described> sorted = new ArrayList<>(described);
    sorted.removeIf(tensor -> tensor.type == null);
    sorted.sort(Comparator.comparingLong(Described::offset));
    for (int i = 1; i < sorted.size(); i++) {
      Described before = sorted.get(i - 1);
      Described tensor = sorted.get(i);
      if (before.offset + before.bytes > tensor.offset) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensors \"%s\" and \"%s\" overlap",
                file,
                StrictJson.excerpt(before.name),
                StrictJson.excerpt(tensor.name)));
      }
    }
  }
}
