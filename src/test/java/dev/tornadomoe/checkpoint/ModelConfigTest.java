package dev.tornadomoe.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.io.StrictJson;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelConfigTest {
  @TempDir Path directory;

  @Test
  void readsValuesOfAllKinds() {
    ModelConfig config =
        config(
            """
            {"model_type": "m", "n": 8, "none": 0, "x": 2.5, "whole": 16, "t": true,
             "list": [0, 2], "empty": [], "limits": [7, null, 0.5], "nested": {"a": 1}}
            """);
    assertThat(config.modelType()).isEqualTo("m");
    assertThat(config.positive("n")).isEqualTo(8);
    assertThat(config.countOr(7, "none")).isZero();
    assertThat(config.numberOr(7, "x")).isEqualTo(2.5);
    assertThat(config.numberOr(7, "whole")).isEqualTo(16);
    assertThat(config.flagOr(false, "t")).isTrue();
    assertThat(config.integers("list"))
        .hasValueSatisfying(l -> assertThat(l).containsExactly(0, 2));
    assertThat(config.integers("empty")).hasValueSatisfying(l -> assertThat(l).isEmpty());
    assertThat(config.numbersOr(-1, "limits"))
        .hasValueSatisfying(l -> assertThat(l).containsExactly(7.0, -1.0, 0.5));
    assertThat(config.object("nested")).isPresent();
    assertThat(config.section("nested"))
        .hasValueSatisfying(s -> assertThat(s.positive("a")).isOne());
    assertThat(config.section("absent")).isEmpty();
    assertThat(config.file()).isEqualTo(directory.resolve("config.json"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"a\": null, \"b\": null}"})
  void nullIsAbsent(String json) {
    ModelConfig config = config(json);
    assertThat(config.countOr(7, "a", "b")).isEqualTo(7);
    assertThat(config.numberOr(0.5, "a")).isEqualTo(0.5);
    assertThat(config.flagOr(true, "a")).isTrue();
    assertThat(config.string("a")).isEmpty();
    assertThat(config.integers("a")).isEmpty();
    assertThat(config.numbersOr(0, "a")).isEmpty();
    assertThat(config.object("a")).isEmpty();
  }

  @Test
  void tellsNullFromAbsenceWhenAsked() {
    ModelConfig config =
        config("{\"a\": null, \"b\": 0, \"text_config\": {\"b\": null, \"c\": null}}");
    assertThat(config.isNull("a")).isTrue();
    assertThat(config.isNull("b")).as("the outer object has a value").isFalse();
    assertThat(config.isNull("c")).isTrue();
    assertThat(config.isNull("d")).isFalse();
  }

  @Test
  void refusesAnotherStringThanTheOneExpected() {
    ModelConfig config = config("{\"a\": \"x\", \"b\": null, \"c\": \"y\"}");
    config.expect("a", "x");
    config.expect("b", "x");
    config.expect("absent", "x");
    assertThatThrownBy(() -> config.expect("c", "x"))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(config.file() + ": \"c\" must be \"x\", found \"y\"");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"num_experts\": 8}",
        "{\"num_local_experts\": 8}",
        "{\"n_routed_experts\": 8}",
        "{\"num_local_experts\": 8, \"num_experts\": 8}",
        "{\"num_local_experts\": 8, \"num_experts\": null}"
      })
  void acceptsAllSpellings(String json) {
    assertThat(config(json).positive("num_experts", "num_local_experts", "n_routed_experts"))
        .isEqualTo(8);
  }

  @Test
  void refusesSpellingsThatContradictEachOther() {
    ModelConfig config = config("{\"num_experts\": 8, \"num_local_experts\": 16}");
    assertThatThrownBy(
            () -> config.positive("n_routed_experts", "num_local_experts", "num_experts"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(
            config.file().toString(), "\"num_experts\"", "8", "\"num_local_experts\"", "16");
  }

  @Test
  void namesAllSpellingsOfAMissingValue() {
    ModelConfig config = config("{}");
    assertThatThrownBy(() -> config.positive("num_experts", "num_local_experts"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(
            config.file().toString(), "\"num_experts\"", "\"num_local_experts\"");
    assertThatThrownBy(config::modelType)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(config.file().toString(), "\"model_type\"");
  }

  static Stream<Arguments> wrongValues() {
    Consumer<ModelConfig> positive = config -> config.positive("v");
    Consumer<ModelConfig> count = config -> config.countOr(1, "v");
    Consumer<ModelConfig> number = config -> config.numberOr(1, "v");
    Consumer<ModelConfig> flag = config -> config.flagOr(true, "v");
    Consumer<ModelConfig> string = config -> config.string("v");
    Consumer<ModelConfig> list = config -> config.integers("v");
    Consumer<ModelConfig> numbers = config -> config.numbersOr(0, "v");
    Consumer<ModelConfig> object = config -> config.object("v");
    return Stream.of(
        Arguments.of("positive", "0", positive),
        Arguments.of("positive", "-1", positive),
        Arguments.of("positive", "\"8\"", positive),
        Arguments.of("positive", "8.5", positive),
        Arguments.of("positive", "true", positive),
        Arguments.of("positive", "[8]", positive),
        Arguments.of("positive", "2147483648", positive),
        Arguments.of("positive", "99999999999999999999", positive),
        Arguments.of("count", "-1", count),
        Arguments.of("count", "\"0\"", count),
        Arguments.of("numbers", "7", numbers),
        Arguments.of("numbers", "[7, \"8\"]", numbers),
        Arguments.of("numbers", "[Infinity]", numbers),
        Arguments.of("number", "NaN", number),
        Arguments.of("number", "Infinity", number),
        Arguments.of("number", "1e999", number),
        Arguments.of("number", "\"1\"", number),
        Arguments.of("number", "true", number),
        Arguments.of("flag", "1", flag),
        Arguments.of("flag", "\"true\"", flag),
        Arguments.of("string", "1", string),
        Arguments.of("list", "1", list),
        Arguments.of("list", "{}", list),
        Arguments.of("list", "[1, \"2\"]", list),
        Arguments.of("list", "[1.5]", list),
        Arguments.of("list", "[null]", list),
        Arguments.of("object", "[]", object));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("wrongValues")
  void refusesValuesOfAnotherKind(String kind, String json, Consumer<ModelConfig> read) {
    ModelConfig config = config("{\"v\": " + json + "}");
    assertThatThrownBy(() -> read.accept(config))
        .as(kind)
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(config.file().toString(), "\"v\"", "must be", "found");
  }

  @Test
  void showsOnlyTheBeginningOfAValue() {
    String text = "x".repeat(3_000_000);
    String list = "[" + "1, ".repeat(1_000_000) + "\"2\"]";
    ModelConfig config =
        config(
            String.format(
                Locale.ROOT,
                "{\"n\": \"%s\", \"m\": 8, \"list\": %s, \"model_type\": \"%s\"}",
                text,
                list,
                text));
    Stream.<ThrowingCallable>of(
            () -> config.positive("n"),
            () -> config.positive("n", "m"),
            () -> config.flagOr(true, "n"),
            () -> config.integers("list"),
            config::modelType)
        .forEach(read ->
            assertThatThrownBy(read)
                .isInstanceOf(CheckpointException.class)
                .extracting(Throwable::getMessage, STRING)
                .startsWith(config.file() + ": ")
                .contains("... (3")
                .hasSizeLessThan(config.file().toString().length() + 250));
  }

  @Test
  void doesNotCutACharacterInHalf() {
    ModelConfig config = config("{\"v\": \"" + "x".repeat(79) + "\uD83E\uDD95\uD83E\uDD95\"}");
    assertThatThrownBy(() -> config.positive("v"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageEndingWith("x... (83 characters)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "   ",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{\"a\": 1,}",
        "{\"a\": 1} x",
        "{\"a\": 1, \"a\": 2}",
        "{'a': 1}",
        "{\"a\": undefined}"
      })
  void refusesWhatIsNoJsonObject(String json) {
    assertThatThrownBy(() -> config(json))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory.resolve("config.json").toString());
  }

  @Test
  void refusesNestingWithoutEnd() {
    assertThatThrownBy(() -> config("{\"a\":".repeat(100_000)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory.resolve("config.json").toString());
  }

  @Test
  void namesTheFileThatIsMissing() {
    Path file = directory.resolve("config.json");
    assertThatThrownBy(() -> StrictJson.readObject(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(file.toString(), "no such file");
  }

  private ModelConfig config(String json) {
    return ModelDirectory.readConfig(directory, json);
  }
}
