package dev.tornadomoe.checkpoint.safetensors;

import static dev.tornadomoe.checkpoint.safetensors.RawSafetensors.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What is unusual and allowed. The data of each file counts 0, 1, 2, ...
class SoundSafetensorsTest {
  @TempDir Path directory;

  @Test
  void readsTensorsWithoutElements() {
    String header =
        String.format(
            Locale.ROOT,
            "{%s,%s,%s,%s}",
            entry("end", "F32", "[0]", 4, 4),
            entry("begin", "F32", "[3,0]", 0, 0),
            entry("x", "U8", "[4]", 0, 4),
            entry("huge", "I64", "[0,9223372036854775807]", 4, 4));
    try (TensorFile file = open(header, 4)) {
      assertThat(file.names()).containsExactlyInAnyOrder("begin", "x", "end", "huge");
      assertThat(file.require("begin").shape()).isEqualTo(Shape.of(3, 0));
      assertThat(file.require("end").toFloats()).isEmpty();
      assertThat(file.require("x").getLong(3)).isEqualTo(3);
    }
  }

  @Test
  void readsScalars() {
    try (TensorFile file = open("{" + entry("x", "I32", "[]", 0, 4) + "}", 4)) {
      assertThat(file.require("x").shape().rank()).isZero();
      assertThat(file.require("x").getLong(0)).isEqualTo(0x03020100);
    }
  }

  @Test
  void readsAFileWithoutTensors() {
    try (TensorFile file = open("{}", 0)) {
      assertThat(file.names()).isEmpty();
      assertThat(file.find("x")).isEmpty();
      assertThatThrownBy(() -> file.require("x"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(file.file().toString(), "\"x\"", "missing");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"format\":\"pt\",\"note\":\"[1,2]\"}", "{}", "null"})
  void keepsMetadataOutOfTheTensors(String metadata) {
    String header = "{\"__metadata__\":" + metadata + "," + entry("x", "U8", "[1]", 0, 1) + "}";
    try (TensorFile file = open(header, 1)) {
      assertThat(file.names()).containsExactly("x");
      assertThat(file.find("__metadata__")).isEmpty();
    }
  }

  @Test
  void readsTensorsThatLieInAnotherOrderThanTheirNames() {
    String header =
        String.format(
            Locale.ROOT,
            "{%s,%s,%s}",
            entry("a", "U8", "[2]", 4, 6),
            entry("b", "U8", "[1]", 6, 7),
            entry("c", "U8", "[4]", 0, 4));
    try (TensorFile file = open(header, 7)) {
      assertThat(file.names()).containsExactly("c", "a", "b");
      assertThat(file.require("a").getLong(0)).isEqualTo(4);
      assertThat(file.require("b").getLong(0)).isEqualTo(6);
      assertThat(file.require("c").getLong(0)).isEqualTo(0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void readsDataAtAnyAlignment(int padding) {
    String header =
        String.format(
            Locale.ROOT,
            "{%s,%s}",
            entry("pad", "U8", "[1]", 0, 1),
            entry("x", "I32", "[2]", 1, 9));
    try (TensorFile file = open(header + " ".repeat(padding), 9)) {
      assertThat(file.require("x").getLong(0)).isEqualTo(0x04030201);
      assertThat(file.require("x").getLong(1)).isEqualTo(0x08070605);
    }
  }

  @Test
  void readsHeadersPaddedWithWhitespace() {
    String header = " \n\t" + "{\r\n" + entry("x", "U8", "[1]", 0, 1) + "}" + " \t\n   ";
    try (TensorFile file = open(header, 1)) {
      assertThat(file.names()).containsExactly("x");
    }
  }

  @Test
  void skipsFieldsThatItDoesNotKnow() {
    String header =
        "{\"x\":{\"note\":{\"a\":[1.5]},\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    try (TensorFile file = open(header, 1)) {
      assertThat(file.names()).containsExactly("x");
    }
  }

  @Test
  void readsAnyName() {
    String header =
        String.format(
            Locale.ROOT,
            "{%s,%s,%s}",
            entry("", "U8", "[1]", 0, 1),
            entry("größe \\u00b2 \\\"\\\\", "U8", "[1]", 1, 2),
            entry("専門家", "U8", "[1]", 2, 3));
    try (TensorFile file = open(header, 3)) {
      assertThat(file.names()).containsExactly("", "größe ² \"\\", "専門家");
      assertThat(file.require("専門家").getLong(0)).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @EnumSource
  void opensTensorsOfAllTypes(DType dtype) {
    String header = "{" + entry("x", dtype.name(), "[8]", 0, dtype.bits()) + "}";
    try (TensorFile file = open(header, dtype.bits())) {
      TensorView tensor = file.require("x");
      assertThat(tensor.dtype()).isEqualTo(dtype);
      byte[] bytes = tensor.data().toArray(ValueLayout.JAVA_BYTE);
      assertThat(bytes).hasSize(dtype.bits());
      assertThat(bytes[dtype.bits() - 1]).isEqualTo((byte) (dtype.bits() - 1));
    }
  }

  @Test
  void hasNoLimitOnDimensions() {
    String shape = "[" + "1,".repeat(199) + "4]";
    try (TensorFile file = open("{" + entry("x", "U8", shape, 0, 4) + "}", 4)) {
      assertThat(file.require("x").shape().rank()).isEqualTo(200);
    }
  }

  @Test
  void itsTensorsAreGoneAfterClose() {
    TensorFile file = open("{" + entry("x", "U8", "[1]", 0, 1) + "}", 1);
    TensorView tensor = file.require("x");
    file.close();
    assertThatThrownBy(() -> tensor.getLong(0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void itsTensorsAreReadOnly() {
    try (TensorFile file = open("{" + entry("x", "U8", "[1]", 0, 1) + "}", 1)) {
      assertThat(file.require("x").data().isReadOnly()).isTrue();
    }
  }

  private TensorFile open(String header, int data) {
    return TensorFile.open(RawSafetensors.write(directory.resolve("x.safetensors"), header, data));
  }
}
