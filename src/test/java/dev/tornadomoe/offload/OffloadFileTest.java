package dev.tornadomoe.offload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.layer.MoeLayer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Files of placements and counts, and what is said of others.
class OffloadFileTest {
  private static final List<MoeLayer> LAYERS =
      List.of(OffloadTest.indexed(0), OffloadTest.indexed(3));

  @TempDir private Path directory;

  @Test
  void layersMayDiffer() throws IOException {
    DevicePlacement placement =
        read("{\"experts_on_device\": [0, 2], \"layers\": {\"3\": [1]}}")
            .placement(LAYERS)
            .orElseThrow();
    assertThat(placement.expertsOf(0)).containsExactly(0, 2);
    assertThat(placement.expertsOf(3)).containsExactly(1);
  }

  @Test
  void countsSayNothingOfPlaces() throws IOException {
    OffloadFile file = read("{\"experts_chosen\": {\"0\": [1, 3], \"3\": [5000000000, 0]}}");
    assertThat(file.placement(LAYERS)).isEmpty();
    assertThat(file.statistics().chosen().get(3)).containsExactly(5_000_000_000L, 0);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '\'',
      value = {
        "'{}', 'has neither \"experts_on_device\" nor \"experts_chosen\"'",
        "'{\"experts\": []}', 'unknown field \"experts\"'",
        "'{\"experts_on_device\": 3}', 'must be a list of whole numbers from 0 on, found 3'",
        "'{\"experts_on_device\": [-1]}', 'must be a list of whole numbers from 0 on, found -1'",
        "'{\"experts_on_device\": [5000000000]}', 'whole numbers from 0 on, found 5000000000'",
        "'{\"layers\": []}', '\"layers\" is no object'",
        "'{\"experts_chosen\": {\"3\": [], \"03\": []}}', '\"experts_chosen\" names layer 3 twice'",
        "'{\"layers\": {\"+1\": null, \"1\": []}}', '\"layers\" names layer 1 twice'",
        "'{\"layers\": {\"x\": []}}', '\"layers\" names layer \"x\", which is no number'",
        "'{\"experts_chosen\": {\"0\": [1.5]}}', '\"experts_chosen.0\" must be a list of whole'",
        "'nonsense', 'not valid JSON'",
      })
  void saysWhatIsWrong(String text, String sentence) {
    assertThatThrownBy(() -> read(text))
        .isInstanceOf(MoeException.class)
        .hasMessageStartingWith(directory.resolve("placement.json").toString())
        .hasMessageContaining(sentence);
  }

  @Test
  void aLayerThatIsNotNamedHasNoPlacement() throws IOException {
    OffloadFile file = read("{\"layers\": {\"0\": [1]}}");
    assertThatThrownBy(() -> file.placement(LAYERS))
        .isInstanceOf(OffloadException.class)
        .hasMessageEndingWith("has no placement for layer 3 and no \"experts_on_device\" for all");
  }

  private OffloadFile read(String text) throws IOException {
    return OffloadFile.read(Files.writeString(directory.resolve("placement.json"), text));
  }
}
