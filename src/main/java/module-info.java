/// Fast Mixture-of-Experts layers: checkpoints, layers, plans, and backends that run them.
///
/// The CPU backend is faster with `--add-modules jdk.incubator.vector`, and backends of other
/// modules are found where they provide [dev.tornadomoe.backend.Backend].
@SuppressWarnings(
    "module") // our own modules, which may know more, are not there when this is compiled
module dev.tornadomoe {
  requires java.management;
  requires jdk.management;
  requires org.apache.commons.numbers.gamma;
  requires static transitive org.jspecify;
  requires tools.jackson.core;
  requires tools.jackson.jr.ob;

  exports dev.tornadomoe;
  exports dev.tornadomoe.backend;
  exports dev.tornadomoe.checkpoint;
  exports dev.tornadomoe.checkpoint.file;
  exports dev.tornadomoe.layer;
  exports dev.tornadomoe.layer.family;
  exports dev.tornadomoe.modular;
  exports dev.tornadomoe.offload;
  exports dev.tornadomoe.parallel;
  exports dev.tornadomoe.parallel.mpi;
  exports dev.tornadomoe.plan;
  exports dev.tornadomoe.plan.explain;
  exports dev.tornadomoe.tensor;
  exports dev.tornadomoe.backend.cpu to
      dev.tornadomoe.cli,
      dev.tornadomoe.tornado;
  exports dev.tornadomoe.backend.host to
      dev.tornadomoe.cli,
      dev.tornadomoe.tornado;
  exports dev.tornadomoe.checkpoint.io to
      dev.tornadomoe.cli,
      dev.tornadomoe.tornado;
  exports dev.tornadomoe.tensor.block to
      dev.tornadomoe.tornado;
  exports dev.tornadomoe.tensor.text to
      dev.tornadomoe.cli,
      dev.tornadomoe.tornado;

  uses dev.tornadomoe.backend.Backend;
  uses dev.tornadomoe.layer.family.MoeFamily;

  provides dev.tornadomoe.backend.Backend with
      dev.tornadomoe.backend.cpu.CpuBackend,
      dev.tornadomoe.backend.reference.ReferenceBackend;
}
