package dev.tornadomoe.layer;

import static dev.tornadomoe.layer.LayerParts.bias;
import static dev.tornadomoe.layer.LayerParts.weight;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MlpTest {
  private static final int H = 6;
  private static final int I = 4;

  @Test
  void tellsItsSizes() {
    Mlp gated = LayerParts.mlp(H, I);
    assertThat(gated.hidden()).isEqualTo(H);
    assertThat(gated.intermediate()).isEqualTo(I);
    assertThat(gated.isGated()).isTrue();
    assertThat(gated.bytes()).isEqualTo(3 * H * I * 2);
    assertThat(gated.bytesToLoad()).isZero();

    Mlp plain = LayerParts.plain(H, I);
    assertThat(plain.isGated()).isFalse();
    assertThat(plain.bytes()).isEqualTo(2 * H * I * 2);
  }

  @Test
  void countsWhatLoadingAllocates() {
    Weight stored =
        Weight.transposed(HeapTensors.f32("d", Shape.of(I, H), new float[I * H]), H, 0, 1);
    Mlp mlp = Mlp.gated(weight("g", I, H), weight("u", I, H), stored);
    assertThat(mlp.bytesToLoad()).isEqualTo(I * H * 4);
  }

  @ParameterizedTest
  @CsvSource({
    "5, 6, 4, 6, 6, 4, gate, '[5, 6]', '[4, 6]'",
    "4, 5, 4, 6, 6, 4, gate, '[4, 5]', '[4, 6]'",
    "6, 4, 4, 6, 6, 4, gate, '[6, 4]', '[4, 6]'",
    "4, 6, 4, 6, 4, 6, down, '[4, 6]', '[6, 4]'",
    "4, 6, 4, 6, 6, 5, down, '[6, 5]', '[6, 4]'",
    "4, 6, 4, 6, 7, 4, down, '[7, 4]', '[6, 4]'"
  })
  void refusesProjectionsThatDoNotFit(
      int gateRows,
      int gateColumns,
      int upRows,
      int upColumns,
      int downRows,
      int downColumns,
      String name,
      String found,
      String expected) {
    Weight gate = weight("gate", gateRows, gateColumns);
    Weight up = weight("up", upRows, upColumns);
    Weight down = weight("down", downRows, downColumns);
    assertThatThrownBy(() -> Mlp.gated(gate, up, down))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"" + name + "\"", found, expected);
  }

  @ParameterizedTest
  @CsvSource({"3, 4, 6, gate", "4, 5, 6, up", "4, 4, 4, down"})
  void refusesBiasesOfAnotherSize(int gateSize, int upSize, int downSize, String name) {
    Mlp parts = LayerParts.mlp(H, I);
    assertThatThrownBy(() ->
            new Mlp(
                parts.gate(),
                parts.up(),
                parts.down(),
                bias("gate bias", gateSize),
                bias("up bias", upSize),
                bias("down bias", downSize)))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"" + name + " bias\"", name.equals("down") ? "6" : "4");
  }

  @Test
  void acceptsBiasesThatFit() {
    Mlp parts = LayerParts.mlp(H, I);
    Mlp biased =
        new Mlp(parts.gate(), parts.up(), parts.down(), bias("g", I), bias("u", I), bias("d", H));
    assertThat(biased.intermediate()).isEqualTo(I);
  }

  @Test
  void refusesABiasForAGateThatIsNotThere() {
    Mlp parts = LayerParts.plain(H, I);
    assertThatThrownBy(() -> new Mlp(null, parts.up(), parts.down(), bias("orphan", I), null, null))
        .isInstanceOf(LayerException.class)
        .hasMessageContainingAll("\"orphan\"", "gate");
  }
}
