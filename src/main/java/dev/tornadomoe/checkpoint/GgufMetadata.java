package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.gguf.GgufArray;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The key-value pairs of a GGUF file
/// ([keys](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)). Most belong to the
/// architecture: `expert_count` is asked for and `qwen3moe.expert_count` found.
public final class GgufMetadata {
  private final Path file;
  private final Map<String, Object> values;

  /// Metadata that was read.
  ///
  /// @param file where it stands, for messages
  /// @param values by key: numbers, strings, booleans and arrays
  public GgufMetadata(Path file, Map<String, Object> values) {
    this.file = file;
    this.values = values;
  }

  /// {@return the file, for messages; the first of several}
  public Path file() {
    return file;
  }

  /// {@return `general.architecture`, which most keys begin with}
  ///
  /// @throws CheckpointException when there is none
  public String architecture() {
    Object value = values.get("general.architecture");
    if (value instanceof String name) {
      return name;
    }
    throw value == null
        ? new CheckpointException(
            String.format(Locale.ROOT, "%s: no \"general.architecture\"", file))
        : wrong("general.architecture", "a string", value);
  }

  /// A value by its full name, or null.
  @Nullable Object value(String key) {
    return values.get(key);
  }

  private String full(String key) {
    return architecture() + "." + key;
  }

  /// {@return whether the architecture's key is there}
  ///
  /// @param key without the architecture's name before it
  public boolean has(String key) {
    return values.containsKey(full(key));
  }

  /// A whole number of 1 or more that the model can't do without.
  ///
  /// @param key without the architecture's name before it
  /// @return the number
  /// @throws CheckpointException when it is missing or no such number
  public int positive(String key) {
    int value =
        count(key)
            .orElseThrow(() ->
                new CheckpointException(
                    String.format(Locale.ROOT, "%s: no \"%s\"", file, full(key))));
    if (value < 1) {
      throw wrong(full(key), "a whole number from 1", value);
    }
    return value;
  }

  /// {@return a whole number of 0 or more, or empty}
  ///
  /// @param key without the architecture's name before it
  public Optional<Integer> count(String key) {
    Object value = values.get(full(key));
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Long number && number >= 0 && number <= Integer.MAX_VALUE) {
      return Optional.of(number.intValue());
    }
    throw wrong(full(key), "a whole number from 0 to 2^31 - 1", value);
  }

  /// A finite number, or a default.
  ///
  /// @param absent what holds where the key is absent
  /// @param key without the architecture's name before it
  /// @return the number, or `absent`
  public double numberOr(double absent, String key) {
    Object value = values.get(full(key));
    if (value == null) {
      return absent;
    }
    double number = value instanceof Number n ? n.doubleValue() : Double.NaN;
    if (!Double.isFinite(number)) {
      throw wrong(full(key), "a finite number", value);
    }
    return number;
  }

  /// A truth value, or a default.
  ///
  /// @param absent what holds where the key is absent
  /// @param key without the architecture's name before it
  /// @return the flag, or `absent`
  public boolean flagOr(boolean absent, String key) {
    Object value = values.get(full(key));
    if (value == null) {
      return absent;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong(full(key), "true or false", value);
  }

  /// A finite number of one block, from an array with one for each or a number for all, or a
  /// default.
  ///
  /// @param absent what holds where the key is absent
  /// @param key without the architecture's name before it
  /// @param block index of the model's block
  /// @return the number for that block
  public float ofBlockOr(float absent, String key, int block) {
    if (!(values.get(full(key)) instanceof GgufArray array)) {
      return (float) numberOr(absent, key);
    }
    if (block >= array.numbers().size() || !Float.isFinite(array.numbers().get(block))) {
      throw wrong(full(key), "a finite number, F32, for each block", array);
    }
    return array.numbers().get(block);
  }

  /// {@return how many tokens the vocabulary has: `vocab_size`, without it as many as the tokenizer
  /// lists; 0 where neither says it}
  public long vocabulary() {
    Optional<Integer> stated = count("vocab_size");
    if (stated.isPresent()) {
      return stated.get();
    }
    return values.get("tokenizer.ggml.tokens") instanceof GgufArray tokens ? tokens.length() : 0;
  }

  /// Refuses keys of the architecture of some kind that nobody has a use for.
  ///
  /// @param kind whether a key, without the architecture's name before it, is of that kind
  /// @param used those that there is a use for
  /// @throws CheckpointException when there is another one with a value other than 0 or false
  public void refuseUnused(Predicate<String> kind, Set<String> used) {
    String prefix = full("");
    values.forEach((name, value) -> {
      String key = name.startsWith(prefix) ? name.substring(prefix.length()) : "";
      boolean saysNothing =
          Boolean.FALSE.equals(value)
              || (value instanceof Number number && number.doubleValue() == 0);
      if (kind.test(key) && !used.contains(key) && !saysNothing) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: \"%s\" is %s, but there is no use for it in %s",
                file,
                StrictJson.excerpt(name),
                StrictJson.excerpt(value),
                architecture()));
      }
    });
  }

  private CheckpointException wrong(String key, String expected, Object found) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: \"%s\" must be %s, found %s",
            file,
            StrictJson.excerpt(key),
            expected,
            StrictJson.excerpt(found)));
  }
}
