package dev.tornadomoe.checkpoint.io;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.jr.ob.JSON;

/// Reads JSON objects the strict way: no duplicate names, nothing after the end, bounded depth.
public final class StrictJson {
  /// Real config and index files stay below a few megabytes.
  private static final long MAX_FILE_BYTES = 64L << 20;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          // Python's json module writes NaN and Infinity, and some configs hold them.
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).build())
          .build();

  private StrictJson() {}

  /// {@return a value as messages show it: about 80 characters of it}
  ///
  /// @param value as it was parsed, or null
  public static String excerpt(@Nullable Object value) {
    return cut(String.valueOf(value), 80);
  }

  /// The first line of a parser's message, without the names of its settings.
  private static String plain(String message) {
    return message.lines().findFirst().orElse("").replaceAll(",? from `[^`]*`", "");
  }

  private static String cut(String text, int most) {
    if (text.length() <= most) {
      return text;
    }
    int end = Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
    return String.format(
        Locale.ROOT, "%s... (%d characters)", text.substring(0, end), text.length());
  }

  /// Parses a whole file.
  ///
  /// @param file UTF-8, of bounded size
  /// @return the members in the file's order
  /// @throws CheckpointException when it is missing, too large or no JSON object
  public static Map<String, Object> readObject(Path file) {
    FileFailure.requireRegular(file);
    try {
      requireSize(Files.size(file), file);
      return parseObject(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw FileFailure.reading(file, e);
    }
  }

  /// Refuses what is too large to be parsed.
  static void requireSize(long bytes, Path file) {
    if (bytes > MAX_FILE_BYTES) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %d bytes is too large for a JSON file of a checkpoint (limit %d)",
              file,
              bytes,
              MAX_FILE_BYTES));
    }
  }

  /// Parses UTF-8 JSON text.
  ///
  /// @param text of bounded size
  /// @param where what the message of a failure begins with
  /// @return the members in the text's order
  /// @throws CheckpointException when it is no JSON object
  @SuppressWarnings("unchecked") // JSON objects have string keys
  public static Map<String, Object> parseObject(byte[] text, String where) {
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      Object value = JSON.std.anyFrom(parser);
      if (parser.nextToken() != null) {
        throw new CheckpointException(
            String.format(Locale.ROOT, "%s: text after the end of the JSON object", where));
      }
      if (!(value instanceof Map<?, ?>)) {
        throw new CheckpointException(
            String.format(Locale.ROOT, "%s: expected a JSON object", where));
      }
      return (Map<String, Object>) value;
    } catch (JacksonException e) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: not valid JSON (%s)",
              where,
              cut(plain(e.getOriginalMessage()), 200)),
          e);
    }
  }
}
