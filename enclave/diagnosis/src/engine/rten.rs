//! The default engine: rten, pure Rust and memory-safe on hostile models.
//! It belongs to the diagnosis enclave, and runs on a thread pool of its own size.
//! It never loads weights that stand outside the model's bytes.

use std::sync::Arc;

use rten::{
    DataType, Dimension, Model, NodeId, RunOptions, ThreadPool, Value, ValueType, ValueView,
};

use super::turns::Turns;
use super::{Engine, IoSpec, LoadError, RunError, TensorSpec};
use crate::tensor::{Tensor, TensorView};

/// Name and version for receipts. A test keeps it equal to the version in use.
pub(super) const LABEL: &str = "rten 0.27.0";

/// A model in rten.
pub(super) struct Rten {
    model: Model,
    spec: IoSpec,
    outputs: Vec<NodeId>,
    pools: Turns<Arc<ThreadPool>>,
}

impl Rten {
    /// Loads the model once, with a pool of `threads` for each of `runs` at once.
    pub(super) fn load(onnx: &[u8], threads: usize, runs: usize) -> Result<Self, LoadError> {
        let model =
            Model::load(onnx.to_vec()).map_err(|error| LoadError::Model(Box::new(error)))?;
        let spec = IoSpec {
            inputs: specs(&model, model.input_ids())?,
            outputs: specs(&model, model.output_ids())?,
        };
        let outputs = model.output_ids().to_vec();
        let pools = (0..runs).map(|_| Arc::new(ThreadPool::with_num_threads(threads))).collect();
        Ok(Self { model, spec, outputs, pools: Turns::new(pools) })
    }

    fn input(&self, name: &str) -> Result<NodeId, RunError> {
        self.model.node_id(name).map_err(engine)
    }
}

impl Engine for Rten {
    fn spec(&self) -> &IoSpec {
        &self.spec
    }

    fn run(&self, inputs: &[TensorView<'_>]) -> Result<Vec<Tensor>, RunError> {
        self.spec.admit(inputs)?;
        let given = inputs
            .iter()
            .map(|input| {
                let value = ValueView::from_shape(input.shape, input.data).map_err(engine)?;
                Ok((self.input(input.name)?, value.into()))
            })
            .collect::<Result<Vec<_>, RunError>>()?;
        let mut taken = self.pools.take();
        let options = RunOptions::default().with_thread_pool(taken.item().cloned());
        let values = self.model.run(given, &self.outputs, Some(options)).map_err(engine)?;
        values
            .into_iter()
            .zip(&self.spec.outputs)
            .map(|(value, spec)| output(value, spec))
            .collect()
    }
}

fn engine(error: impl std::error::Error + Send + Sync + 'static) -> RunError {
    RunError::Engine(Box::new(error))
}

fn output(value: Value, spec: &TensorSpec) -> Result<Tensor, RunError> {
    let Value::FloatTensor(values) = value else { return Err(RunError::Output) };
    let shape = rten_tensor::Layout::shape(&values).to_vec();
    if !spec.takes(&shape) {
        return Err(RunError::Output);
    }
    Tensor::new(&spec.name, shape, values.into_data()).map_err(|_| RunError::Output)
}

fn specs(model: &Model, ids: &[NodeId]) -> Result<Vec<TensorSpec>, LoadError> {
    ids.iter().map(|&id| spec(model, id).ok_or(LoadError::Io)).collect()
}

fn spec(model: &Model, id: NodeId) -> Option<TensorSpec> {
    let node = model.node_info(id)?;
    if node.dtype() != Some(ValueType::Tensor(DataType::Float)) {
        return None;
    }
    let shape = node.shape()?.into_iter().map(|side| match side {
        Dimension::Fixed(side) => Some(side),
        Dimension::Symbolic(_) => None,
    });
    Some(TensorSpec { name: node.name()?.to_owned(), shape: shape.collect() })
}
