package dev.tornadomoe.checkpoint.safetensors;

import static dev.tornadomoe.checkpoint.safetensors.RawSafetensors.entry;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BrokenHeaderTest {
  @TempDir Path directory;

  /// @param header its text
  /// @param data bytes after it
  /// @param says what the message must contain
  record Broken(String what, String header, int data, List<String> says) {
    @Override
    public String toString() {
      return what;
    }
  }

  static Stream<Broken> json() {
    String sound = "{" + entry("x", "F32", "[1]", 0, 4) + "}";
    return Stream.of(
        broken("no JSON", "safetensors", 0, "header", "not valid JSON"),
        broken("blank", "        ", 0, "header"),
        broken("an array", "[1, 2, 3]", 0, "header", "JSON object"),
        broken("a number", "12345678", 0, "header", "JSON object"),
        broken("null", "null", 0, "header", "JSON object"),
        broken("cut off", sound.substring(0, sound.length() - 1), 4, "header"),
        broken("garbage after the object", sound + "garbage", 4, "header"),
        broken("a second object", sound + "{}", 4, "header"),
        broken("a NUL after the object", sound + "\0", 4, "header"),
        broken("a trailing comma", "{" + entry("x", "F32", "[1]", 0, 4) + ",}", 4, "header"),
        broken("a comment", "/* x */" + sound, 4, "header"),
        broken("single quotes", sound.replace('"', '\''), 4, "header"),
        broken("nested without end", "[".repeat(100_000), 0, "header"),
        broken(
            "the same tensor twice",
            "{" + entry("x", "F32", "[1]", 0, 4) + "," + entry("x", "F32", "[1]", 4, 8) + "}",
            8,
            "header",
            "x"),
        broken(
            "the same field twice",
            "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            4,
            "header",
            "dtype"));
  }

  static Stream<Broken> entries() {
    return Stream.of(
        broken("a tensor that is a list", "{\"x\":[1]}", 0, "\"x\"", "an object", "[1]"),
        broken("a tensor that is null", "{\"x\":null}", 0, "\"x\"", "an object", "null"),
        broken("no dtype", without("dtype"), 4, "\"x\"", "dtype"),
        broken("no shape", without("shape"), 4, "\"x\"", "shape"),
        broken("no offsets", without("data_offsets"), 4, "\"x\"", "data_offsets"),
        broken("a dtype of no string", x("32", "[1]", "[0,4]"), 4, "\"x\"", "dtype", "32"),
        broken("an unknown dtype", x("\"F31\"", "[1]", "[0,4]"), 4, "\"x\"", "\"F31\""),
        broken("a lower-case dtype", x("\"f32\"", "[1]", "[0,4]"), 4, "\"x\"", "\"f32\""),
        broken("a negative dimension", x("\"F32\"", "[-1]", "[0,4]"), 4, "\"x\"", "shape", "-1"),
        broken("a dimension of 1.0", x("\"F32\"", "[1.0]", "[0,4]"), 4, "\"x\"", "shape", "1.0"),
        broken("a dimension of 1e0", x("\"F32\"", "[1e0]", "[0,4]"), 4, "\"x\"", "shape"),
        broken("a dimension in quotes", x("\"F32\"", "[\"1\"]", "[0,4]"), 4, "\"x\"", "shape"),
        broken("a dimension of null", x("\"F32\"", "[null]", "[0,4]"), 4, "\"x\"", "shape"),
        broken("a dimension of true", x("\"F32\"", "[true]", "[0,4]"), 4, "\"x\"", "shape"),
        broken("a nested shape", x("\"F32\"", "[[1]]", "[0,4]"), 4, "\"x\"", "shape"),
        broken("a shape of no list", x("\"F32\"", "1", "[0,4]"), 4, "\"x\"", "shape"),
        broken(
            "a dimension beyond 2^63",
            x("\"F32\"", "[18446744073709551616]", "[0,4]"),
            4,
            "\"x\"",
            "shape",
            "18446744073709551616"),
        broken("a dimension of NaN", x("\"F32\"", "[NaN]", "[0,4]"), 4, "\"x\"", "shape"));
  }

  static Stream<Broken> ranges() {
    return Stream.of(
        broken("one offset", x("\"F32\"", "[1]", "[4]"), 4, "\"x\"", "data_offsets", "[4]"),
        broken("three offsets", x("\"F32\"", "[1]", "[0,2,4]"), 4, "\"x\"", "data_offsets"),
        broken("descending offsets", x("\"F32\"", "[1]", "[4,0]"), 4, "\"x\"", "[4, 0]"),
        broken("a negative offset", x("\"F32\"", "[1]", "[-4,0]"), 4, "\"x\"", "-4"),
        broken("a fractional offset", x("\"F32\"", "[1]", "[0,4.0]"), 4, "\"x\"", "4.0"),
        broken("too few bytes", x("\"F32\"", "[3]", "[0,4]"), 4, "\"x\"", "F32 [3]", "12", "4"),
        broken("too many bytes", x("\"BF16\"", "[1]", "[0,4]"), 4, "\"x\"", "BF16 [1]", "2", "4"),
        broken("half a byte", x("\"F4\"", "[3]", "[0,1]"), 1, "\"x\"", "F4 [3]"),
        broken("beyond the file", x("\"F32\"", "[2]", "[0,8]"), 4, "\"x\"", "8", "4"),
        broken("no data at all", x("\"F32\"", "[2]", "[0,8]"), 0, "\"x\"", "8", "0"),
        broken("a hole before the first", x("\"F32\"", "[1]", "[4,8]"), 8, "\"x\"", "4", "hole"),
        broken("data behind the last", x("\"F32\"", "[1]", "[0,4]"), 5, "4", "5"),
        broken("data without tensors", "{}", 4, "0", "4"),
        broken(
            "a hole between two",
            "{" + entry("a", "F32", "[1]", 0, 4) + "," + entry("b", "F32", "[1]", 8, 12) + "}",
            12,
            "\"a\"",
            "\"b\"",
            "hole"),
        broken(
            "an overlap",
            "{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "F32", "[2]", 4, 12) + "}",
            12,
            "\"a\"",
            "\"b\"",
            "overlap"),
        broken(
            "the same range twice",
            "{" + entry("a", "F32", "[1]", 0, 4) + "," + entry("b", "F32", "[1]", 0, 4) + "}",
            4,
            "\"a\"",
            "\"b\"",
            "overlap"),
        broken(
            "a product beyond 2^63",
            x("\"U8\"", "[4294967296,4294967296]", "[0,0]"),
            0,
            "\"x\"",
            "[4294967296, 4294967296]"),
        broken(
            "bits beyond 2^63",
            x("\"F64\"", "[288230376151711744]", "[0,0]"),
            0,
            "\"x\"",
            "[288230376151711744]"),
        broken(
            "a product beyond 2^63 that a zero follows",
            x("\"U8\"", "[4294967296,4294967296,0]", "[0,0]"),
            0,
            "\"x\""));
  }

  static Stream<Broken> lengthy() {
    String text = "\"" + "F".repeat(3_000_000) + "\"";
    String ones = "[1" + ",1".repeat(100_000) + "]";
    return Stream.of(
        broken("a lengthy dtype", x(text, "[1]", "[0,4]"), 4, "\"x\"", "dtype", "3000000"),
        broken("a lengthy shape", x("\"F32\"", ones, "[0,8]"), 8, "\"x\"", "4", "8"),
        broken("a lengthy tensor", "{\"x\":" + text + "}", 0, "\"x\"", "an object", "3000000"),
        broken("a lengthy word", "{\"x\":" + "F".repeat(3_000_000) + "}", 0, "not valid JSON"),
        broken(
            "a lengthy name twice",
            String.format(Locale.ROOT, "{\"%1$s\":1,\"%1$s\":2}", "n".repeat(40_000)),
            0,
            "not valid JSON"));
  }

  @ParameterizedTest
  @MethodSource({"json", "entries", "ranges", "lengthy"})
  void isRefusedWithItsReason(Broken broken) {
    Path file =
        RawSafetensors.write(
            directory.resolve("model.safetensors"), broken.header(), broken.data());
    assertThatThrownBy(() -> TensorFile.open(file).close())
        .isInstanceOf(CheckpointException.class)
        .isInstanceOf(MoeException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContainingAll(broken.says().toArray(String[]::new))
        .extracting(Throwable::getMessage, STRING)
        .hasSizeLessThan(file.toString().length() + 300);
  }

  private static Broken broken(String what, String header, int data, String... says) {
    return new Broken(what, header, data, List.of(says));
  }

  private static String x(String dtype, String shape, String offsets) {
    return String.format(
        Locale.ROOT,
        "{\"x\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}}",
        dtype,
        shape,
        offsets);
  }

  private static String without(String field) {
    return x("\"F32\"", "[1]", "[0,4]").replace("\"" + field + "\"", "\"other\"");
  }
}
