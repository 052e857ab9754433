"""What was published to SNS, for tests to read back."""

import os

from moto.sns.models import sns_backends


def answer(_):
    account = os.environ["MOTO_ACCOUNT_ID"]
    return {
        "messages": [
            {"topicArn": topic.arn, "subject": subject, "message": message}
            for backend in sns_backends[account].values()
            for topic in backend.topics.values()
            for _, message, subject, *_ in topic.sent_notifications
        ]
    }


def key_of(account, region, topic_arn):
    """ARN of the KMS key that encrypts a topic, or None."""
    topic = sns_backends[account][region].topics.get(topic_arn)
    return (topic.kms_master_key_id or None) if topic else None
