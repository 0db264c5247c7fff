package dev.tornadomoe.tensor.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "12, 12 B",
    "1023, 1023 B",
    "1024, 1 KiB",
    "1536, 1.5 KiB",
    "49152, 48 KiB",
    "102656, 100 KiB", // 100.25: no fraction from 100 on
    "2202010, 2.1 MiB",
    "1073741824, 1 GiB",
    "19864223744, 18.5 GiB",
    "1099511627776, 1 TiB",
    "1125899906842624, 1024 TiB",
    "9223372036854775807, 8388608 TiB"
  })
  void readsAsPeopleSayIt(long bytes, String text) {
    assertThat(ByteSize.format(bytes)).isEqualTo(text);
  }

  @Test
  void doesNotDependOnTheLocale() {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.GERMANY);
      assertThat(ByteSize.format(1536)).isEqualTo("1.5 KiB");
    } finally {
      Locale.setDefault(before);
    }
  }
}
