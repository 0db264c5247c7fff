package dev.tornadomoe.tensor.block;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Whole codebooks against those of the `gguf` package (`gguf/make-blocks.py`): random blocks have
/// only some of their entries.
class CodebookTest {

  @ParameterizedTest
  @EnumSource
  void isThePythonPackages(Codebook book) throws URISyntaxException {
    Path file = Path.of(CodebookTest.class.getResource("/gguf/blocks.safetensors").toURI());
    try (TensorFile tensors = TensorFile.open(file)) {
      TensorView levels = tensors.require(book.name() + "/codebook");
      assertThat(levels.shape().dimension(1)).isEqualTo(book.width());
      assertThat(book.levels()).hasSize((int) levels.data().byteSize());
      for (int i = 0; i < book.levels().length; i++) {
        assertThat(book.levels()[i]).isEqualTo(levels.data().get(ValueLayout.JAVA_BYTE, i));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "1, 0x81", "3, 3", "0x7F, 0xFF", "0xFE, 0x7E"})
  void anEvenNumberOfSignsIsNegative(String seven, String all) {
    assertThat(Codebook.evenSigns(Integer.decode(seven))).isEqualTo(Integer.decode(all));
  }
}
