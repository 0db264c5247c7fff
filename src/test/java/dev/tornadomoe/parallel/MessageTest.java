package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class MessageTest {
  private final MemorySegment memory = Arena.ofAuto().allocate(1000);
  private final Message message = new Message();

  @Test
  void neighboursAreOneBlock() {
    message.add(memory, 0, 10).add(memory, 10, 20).add(memory, 40, 5).add(memory, 45, 0);
    assertThat(message.spans()).isEqualTo(2);
    assertThat(message.bytes()).isEqualTo(35);
    assertThat(message.offset(0)).isZero();
    assertThat(message.length(0)).isEqualTo(30);
    assertThat(message.offset(1)).isEqualTo(40);
    assertThat(message.length(1)).isEqualTo(5);
  }

  @Test
  void growsAndIsUsedAgain() {
    for (int i = 0; i < 100; i++) {
      message.add(memory, 2L * (100 - i), 1);
    }
    assertThat(message.spans()).isEqualTo(100);
    assertThat(message.offset(99)).isEqualTo(2);
    assertThat(message.segment(99)).isEqualTo(memory);
    message.clear();
    assertThat(message.spans()).isZero();
    assertThat(message.bytes()).isZero();
  }

  @Test
  void onlyNativeMemoryWithinItsBounds() {
    MemorySegment heap = MemorySegment.ofArray(new byte[10]);
    assertThatThrownBy(() -> message.add(heap, 0, 10)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> message.add(memory, 990, 11))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> message.add(memory, -1, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(message.spans()).isZero();
  }
}
