package dev.tornadomoe.checkpoint.safetensors;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The header of a safetensors file, checked against the file's size before any of it is believed:
/// known types, shape x type = bytes, and ranges that cover the data without overlap or hole, as
/// [the format](https://github.com/huggingface/safetensors#format) demands.
///
/// @param tensors by name, in the order of their data
record SafetensorsHeader(Map<String, Entry> tensors) {

  /// One tensor's place.
  ///
  /// @param begin first byte, counted from the end of the header
  /// @param end one after the last byte
  record Entry(DType dtype, Shape shape, long begin, long end) {}

  /// @param text the header's JSON
  /// @param dataBytes how many bytes follow the header in the file
  /// @param file what messages call the file
  static SafetensorsHeader parse(byte[] text, long dataBytes, String file) {
    Map<String, Object> json = StrictJson.parseObject(text, file + ": header");
    List<Map.Entry<String, Entry>> entries = new ArrayList<>(json.size());
    json.forEach((name, value) -> {
      if (!name.equals("__metadata__")) {
        entries.add(Map.entry(name, entry(file, name, value)));
      }
    });
    entries.sort(
        Comparator.comparingLong((Map.Entry<String, Entry> e) -> e.getValue().begin)
            .thenComparingLong(e -> e.getValue().end));
    Map<String, Entry> tensors = LinkedHashMap.newLinkedHashMap(entries.size());
    long covered = 0;
    String previous = "the header";
    for (Map.Entry<String, Entry> named : entries) {
      Entry entry = named.getValue();
      if (entry.end > dataBytes) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" ends at byte %d of the data, but the file holds only %d"
                    + " (truncated?)",
                file,
                named.getKey(),
                entry.end,
                dataBytes));
      }
      if (entry.begin != covered) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" begins at byte %d of the data, but %s ends at %d: the ranges %s",
                file,
                named.getKey(),
                entry.begin,
                previous,
                covered,
                entry.begin < covered ? "overlap" : "leave a hole"));
      }
      covered = entry.end;
      previous = "tensor \"" + named.getKey() + "\"";
      tensors.put(named.getKey(), entry);
    }
    if (covered != dataBytes) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: the tensors end at byte %d of the data, but the file holds %d",
              file,
              covered,
              dataBytes));
    }
    return new SafetensorsHeader(tensors);
  }

  private static Entry entry(String file, String name, Object value) {
    if (!(value instanceof Map<?, ?> fields)) {
      throw malformed(file, name, "an object", value);
    }
    if (!(fields.get("dtype") instanceof String typeName)) {
      throw malformed(file, name, "a \"dtype\"", fields.get("dtype"));
    }
    DType dtype =
        DType.named(typeName)
            .orElseThrow(() ->
                new CheckpointException(
                    String.format(
                        Locale.ROOT,
                        "%s: tensor \"%s\" has unknown dtype \"%s\"",
                        file,
                        name,
                        StrictJson.excerpt(typeName))));
    Shape shape = Shape.of(longs(file, name, "shape", fields.get("shape")));
    long[] offsets = longs(file, name, "data_offsets", fields.get("data_offsets"));
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw malformed(file, name, "two ascending \"data_offsets\"", fields.get("data_offsets"));
    }
    long bytes;
    try {
      long bits = Math.multiplyExact(shape.elements(), (long) dtype.bits());
      bytes = bits % 8 == 0 ? bits / 8 : -1;
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" claims shape %s, more bytes than can be counted",
              file,
              name,
              StrictJson.excerpt(shape)),
          e);
    }
    if (offsets[1] - offsets[0] != bytes) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, which takes %s bytes, but its offsets span %d",
              file,
              name,
              dtype,
              StrictJson.excerpt(shape),
              bytes < 0 ? "a broken number of" : Long.toString(bytes),
              offsets[1] - offsets[0]));
    }
    return new Entry(dtype, shape, offsets[0], offsets[1]);
  }

  private static long[] longs(String file, String name, String field, @Nullable Object value) {
    if (!(value instanceof List<?> list)) {
      throw malformed(file, name, "a list \"" + field + "\"", value);
    }
    long[] numbers = new long[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      Object element = list.get(i);
      if (!(element instanceof Integer || element instanceof Long)
          || ((Number) element).longValue() < 0) {
        throw malformed(file, name, "whole numbers from 0 in \"" + field + "\"", element);
      }
      numbers[i] = ((Number) element).longValue();
    }
    return numbers;
  }

  private static CheckpointException malformed(
      String file, String name, String expected, @Nullable Object found) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: header entry \"%s\" needs %s, found %s",
            file,
            name,
            expected,
            StrictJson.excerpt(found)));
  }
}
