package dev.tornadomoe.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/// Damages one file of a checkpoint in a way that a seed decides.
final class Damage {

  /// Which part of which file.
  enum Part {
    CONFIG,
    HEADER,
    DATA,
    GOLDEN
  }

  private enum Way {
    FLIP,
    OVERWRITE,
    TRUNCATE,
    DUPLICATE,
    DELETE,
    NUMBER
  }

  private static final Pattern NUMBER = Pattern.compile("(?<![\\w.])-?\\d+(\\.\\d+)?");
  private static final List<String> EXTREMES =
      List.of(
          "0",
          "-1",
          "1",
          "3",
          "17",
          "65536",
          "2147483647",
          "2147483648",
          "9223372036854775807",
          "99999999999999999999",
          "1e9",
          "0.5",
          "NaN",
          "null",
          "true",
          "\"4\"",
          "[]",
          "{}");

  private final SplittableRandom random;

  Damage(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /// @return what was done
  String apply(Path checkpoint, Part part) throws IOException {
    Path file =
        checkpoint.resolve(
            switch (part) {
              case CONFIG -> "config.json";
              case HEADER, DATA -> "model.safetensors";
              case GOLDEN -> "golden.safetensors";
            });
    byte[] bytes = Files.readAllBytes(file);
    boolean isJson = part == Part.CONFIG || part == Part.HEADER;
    int header = part == Part.CONFIG ? 0 : 8 + Math.toIntExact(headerLength(bytes));
    Way way = random.nextInt(2) == 0 && isJson ? Way.NUMBER : Way.values()[random.nextInt(5)];
    int from = part == Part.DATA ? header : 0;
    int to = part == Part.HEADER ? header : bytes.length;
    int at = random.nextInt(from, to);
    int count = Math.min(random.nextInt(1, 65), to - at);
    byte[] damaged =
        switch (way) {
          case FLIP -> flip(bytes, at, count);
          case OVERWRITE -> overwrite(bytes, at, count);
          case TRUNCATE -> part(bytes, 0, at);
          case DUPLICATE -> join(part(bytes, 0, at + count), part(bytes, at, bytes.length));
          case DELETE -> join(part(bytes, 0, at), part(bytes, at + count, bytes.length));
          case NUMBER -> number(bytes, header);
        };
    Files.write(file, damaged);
    return String.format(Locale.ROOT, "%s of %s at %d, %d bytes", way, part, at, count);
  }

  private static long headerLength(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  private byte[] flip(byte[] bytes, int at, int count) {
    for (int i = 0; i < count; i += 16) {
      bytes[at + i] ^= (byte) (1 << random.nextInt(8));
    }
    return bytes;
  }

  private byte[] overwrite(byte[] bytes, int at, int count) {
    for (int i = 0; i < count; i++) {
      bytes[at + i] = (byte) random.nextInt();
    }
    return bytes;
  }

  /// Another value for a number of the JSON text, so that the text stays sound and its meaning does
  /// not.
  private byte[] number(byte[] bytes, int header) {
    int begin = header == 0 ? 0 : 8;
    int end = header == 0 ? bytes.length : header;
    String json = new String(bytes, begin, end - begin, StandardCharsets.UTF_8);
    List<MatchResult> numbers = NUMBER.matcher(json).results().toList();
    MatchResult number = numbers.get(random.nextInt(numbers.size()));
    String changed =
        json.substring(0, number.start())
            + EXTREMES.get(random.nextInt(EXTREMES.size()))
            + json.substring(number.end());
    byte[] text = changed.getBytes(StandardCharsets.UTF_8);
    if (header == 0) {
      return text;
    }
    byte[] length =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).array();
    return join(join(length, text), part(bytes, header, bytes.length));
  }

  private static byte[] part(byte[] bytes, int from, int to) {
    return Arrays.copyOfRange(bytes, from, to);
  }

  private static byte[] join(byte[] first, byte[] second) {
    ByteArrayOutputStream joined = new ByteArrayOutputStream(first.length + second.length);
    joined.writeBytes(first);
    joined.writeBytes(second);
    return joined.toByteArray();
  }
}
