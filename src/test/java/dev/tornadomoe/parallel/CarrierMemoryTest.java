package dev.tornadomoe.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What carries rows is part of what a session takes.
class CarrierMemoryTest {
  private static final int RANKS = 3;
  private static final int TOKENS = 10;

  /// Rank 1, whose messages take their length and as many bytes more as the other rank's number.
  private record Carrier() implements Communicator {
    @Override
    public int rank() {
      return 1;
    }

    @Override
    public int size() {
      return RANKS;
    }

    @Override
    public String description() {
      return "sends nothing";
    }

    @Override
    public void send(int to, Message message) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void awaitSent() {
      throw new UnsupportedOperationException();
    }

    @Override
    public long awaitMessage(int from) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void receive(int from, Message into) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long carrierBytes(int to, long longest) {
      return longest + to;
    }

    @Override
    public void close() {
      throw new UnsupportedOperationException();
    }
  }

  /// Pairs are results of all of a token's experts; sums are shorter than rows with ids and
  /// weights.
  @ParameterizedTest
  @CsvSource({"PAIR, cpu", "PAIR, reference", "RANK, cpu", "RANK, reference"})
  void sessionsTakeItOnce(CombineMode combine, String backend) {
    MoeLayer layer = RandomLayer.of(LayerSpec.odd(), 3);
    ExpertParallelism job = ExpertParallelism.over(new Carrier()).combine(combine).build();
    MoePlan plan =
        Planner.builder()
            .maxTokens(TOKENS)
            .modularMoe(job::modularMoe)
            .build()
            .plan(job.part(layer));
    long row = layer.hidden() * 4L;
    long longest =
        TOKENS * (combine == CombineMode.PAIR ? layer.topK() * row : row + layer.topK() * (4 + 4L));
    SessionMemory memory = Backends.require(backend).memory(plan);
    assertThat(memory.rows().host()).isEqualTo(2 * longest + 2); // ranks 0 and 2
    assertThat(memory.ofFork().host())
        .isLessThanOrEqualTo(memory.total().host() - memory.weights().host() - 2 * longest - 2);
  }
}
