package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Typed look-ups in a `quantization_config` object, or in an object inside it.
///
/// @param file the config file, for messages
record QuantizationJson(Path file, Map<String, Object> json) {
  /// No method, format or strategy has a name as long, and messages repeat those that we don't
  /// know.
  private static final int LONGEST_TEXT = 80;

  /// Some exporters of compressed-tensors nest the config in another object of the same name,
  /// beside a `sparsity_config`.
  QuantizationJson unwrapped() {
    QuantizationJson inner = object("quantization_config");
    if (inner == null) {
      return this;
    }
    Map<String, Object> merged = new LinkedHashMap<>(json);
    merged.remove("quantization_config");
    merged.putAll(inner.json);
    return new QuantizationJson(file, merged);
  }

  @Nullable Object value(String name) {
    return json.get(name);
  }

  String text(String name, String absent) {
    Object value = json.get(name);
    if (value == null) {
      return absent;
    }
    if (value instanceof String text && text.length() <= LONGEST_TEXT) {
      return text;
    }
    throw wrong(name, "a string of at most " + LONGEST_TEXT + " characters", value);
  }

  int number(String name, int absent) {
    Object value = json.get(name);
    if (value == null) {
      return absent;
    }
    if (value instanceof Integer number) {
      return number;
    }
    throw wrong(name, "a whole number", value);
  }

  boolean flag(String name, boolean absent) {
    Object value = json.get(name);
    if (value == null) {
      return absent;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong(name, "true or false", value);
  }

  List<String> texts(String name) {
    Object value = json.get(name);
    if (value == null) {
      return List.of();
    }
    if (value instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
      return list.stream().map(String.class::cast).toList();
    }
    throw wrong(name, "a list of strings", value);
  }

  @Nullable QuantizationJson object(String name) {
    Object value = json.get(name);
    if (value == null) {
      return null;
    }
    if (value instanceof Map<?, ?> map) {
      return of(map);
    }
    throw wrong(name, "an object", value);
  }

  /// A list of objects.
  List<QuantizationJson> objects(String name) {
    Object value = json.get(name);
    if (value == null) {
      return List.of();
    }
    if (value instanceof List<?> list && list.stream().allMatch(Map.class::isInstance)) {
      return list.stream().map(element -> of((Map<?, ?>) element)).toList();
    }
    throw wrong(name, "a list of objects", value);
  }

  @SuppressWarnings("unchecked") // JSON objects have string keys
  private QuantizationJson of(Map<?, ?> object) {
    return new QuantizationJson(file, (Map<String, Object>) object);
  }

  /// Columns per scale; `-1` and `null` mean one scale per row.
  ///
  /// @return 0 for one scale per row
  int groupSize() {
    return groupSize("group_size", -1);
  }

  /// The same by another name or with another default.
  int groupSize(String name, int absent) {
    int size = number(name, absent);
    if (size == 0 || size < -1) {
      throw wrong(name, "-1 or a whole number from 1", size);
    }
    return Math.max(size, 0);
  }

  CheckpointException wrong(String name, String expected, @Nullable Object found) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: quantization_config \"%s\" must be %s, found %s",
            file,
            StrictJson.excerpt(name),
            expected,
            StrictJson.excerpt(found)));
  }

  CheckpointException unsupported(String what) {
    return new CheckpointException(
        String.format(Locale.ROOT, "%s: quantization_config: %s is not supported", file, what));
  }
}
